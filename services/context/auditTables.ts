import { bigint, jsonb, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { bytea, ownTenant, tenant, time } from './columns.js';

/** A customer's own key, wrapped by the master key. Who destroys it makes all unreadable that it encrypted, wherever copies of that are. */
export const customerKeys = pgTable(
  'customer_keys',
  {
    tenant: tenant(),
    customerId: text('customer_id').notNull(),
    wrappedKey: bytea('wrapped_key').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenant, t.customerId] }), ownTenant()],
);

/** What was done, by whom: one chain for each tenant, in which every row holds the hash of the one before. Rows are added and read, never changed: the roles lack the right. */
export const auditLog = pgTable(
  'audit_log',
  {
    tenant: tenant(),
    /** From 1, without gaps. */
    position: bigint('position', { mode: 'number' }).notNull(),
    at: time('at').notNull(),
    actor: text('actor').notNull(),
    action: text('action').notNull(),
    subject: text('subject').notNull(),
    /** Numbers, labels and ids, no personal text. */
    detail: jsonb('detail').$type<Record<string, unknown>>().notNull(),
    /** Personal content under the customer's key; null without any. */
    payload: bytea('payload'),
    /** Hexadecimal, as `hash`; empty in the first row. */
    previousHash: text('previous_hash').notNull(),
    hash: text('hash').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenant, t.position] }), ownTenant()],
);
