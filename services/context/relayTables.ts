import { sql } from 'drizzle-orm';
import { bigint, index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { everyTenant, ownTenant, tenant, time, xid8 } from './columns.js';

/**
 * What happened, for the relays: written in the transaction that made it happen. Read in the order of (`transaction_id`, `position`), and only
 * below `pg_snapshot_xmin(pg_current_snapshot())`: positions are handed out before commits, so that by position alone a late commit would be skipped.
 */
export const outbox = pgTable(
  'outbox',
  {
    position: bigint('position', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    tenant: tenant(),
    /** The same however often it is relayed: receivers know by it what they have. */
    eventId: text('event_id').notNull(),
    transactionId: xid8('transaction_id').notNull().default(sql`pg_current_xact_id()`),
    type: text('type').notNull(),
    /** What it is about, for example the id of the query. */
    subject: text('subject').notNull(),
    /** Numbers and labels, no customer's text. */
    payload: jsonb('payload').$type<Record<string, unknown>>().notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [
    uniqueIndex('outbox_event_id').on(t.tenant, t.eventId),
    index('outbox_order').on(t.transactionId, t.position),
    ownTenant(),
    everyTenant(),
  ],
);

/** How far each relay has come: everything up to here has been carried or is a dead letter. */
export const relayCursors = pgTable(
  'relay_cursors',
  {
    sink: text('sink').primaryKey(),
    transactionId: xid8('transaction_id').notNull(),
    position: bigint('position', { mode: 'number' }).notNull(),
    updatedAt: time('updated_at').notNull(),
  },
  () => [everyTenant()],
);

/** Events that a sink refused however often it was tried: they stand here and no longer in the way. */
export const deadLetters = pgTable(
  'dead_letters',
  {
    sink: text('sink').notNull(),
    position: bigint('position', { mode: 'number' }).notNull(),
    eventId: text('event_id').notNull(),
    tenant: tenant(),
    type: text('type').notNull(),
    error: text('error').notNull(),
    attempts: integer('attempts').notNull(),
    deadAt: time('dead_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.sink, t.position] }), everyTenant()],
);
