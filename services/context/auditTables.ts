import { sql } from 'drizzle-orm';
import { bigint, check, index, integer, jsonb, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { bytea, everyTenant, ownTenant, tenant, time } from './columns.js';

/** By what a start knows the master key: one row. */
export const masterKeyCheck = pgTable(
  'master_key_check',
  {
    id: integer('id').primaryKey().default(1),
    /** Hexadecimal; says nothing about the key. */
    fingerprint: text('fingerprint').notNull(),
    createdAt: time('created_at').notNull(),
  },
  () => [check('master_key_check_one', sql`id = 1`), everyTenant()],
);

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
    detail: jsonb('detail').$type<Record<string, string>>().notNull(),
    /** Personal content under the customer's key; null without any. */
    payload: bytea('payload'),
    /** Hexadecimal, as `hash`; empty in the first row. */
    previousHash: text('previous_hash').notNull(),
    hash: text('hash').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenant, t.position] }), index('audit_log_subject').on(t.tenant, t.subject, t.position), ownTenant()],
);

/** The last record of each tenant's audit log. Who adds one locks this row first, so that the chain neither forks nor has gaps. */
export const auditHeads = pgTable(
  'audit_heads',
  {
    tenant: tenant().primaryKey(),
    position: bigint('position', { mode: 'number' }).notNull(),
    hash: text('hash').notNull(),
    /** HMAC of position and hash under the master key, hexadecimal: who has the database alone cannot make another end of the chain. */
    mac: text('mac').notNull(),
  },
  () => [ownTenant()],
);
