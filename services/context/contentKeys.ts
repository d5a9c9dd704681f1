import { randomBytes } from 'node:crypto';
import { type SQL, sql } from 'drizzle-orm';
import { LRUCache } from 'lru-cache';
import type { MasterKey } from './masterKey.js';
import { open, seal } from './sealing.js';
import { rowsOf, type Transaction } from './store.js';

/** A customer's own key. Who destroys its row in `customer_keys` makes all unreadable that it sealed, wherever copies of that are. */
export interface ContentKey {
  /** As it is stored. */
  readonly wrapped: Uint8Array;
  seal(column: string, id: string, value: Uint8Array): Buffer;
  /** @throws Error when the value was changed, or sealed for another place */
  open(column: string, id: string, sealed: Uint8Array): Buffer;
}

/** The customers' keys of every tenant. Customer '' is all those whom nobody knows. */
export interface ContentKeys {
  /** Key of a row, by the wrapped one that was read in the same statement; undefined when that is gone. */
  read(tenant: string, customerId: string, wrapped: Uint8Array | null | undefined): ContentKey | undefined;
  /** Keys to write with, made in this transaction where there are none. However many instances make one at once, one stands. */
  forWriting(tx: Transaction, tenant: string, customerIds: readonly string[]): Promise<ReadonlyMap<string, ContentKey>>;
  /** The same where the stored ones were read already. */
  completed(tx: Transaction, tenant: string, customers: readonly StoredKey[]): Promise<ReadonlyMap<string, ContentKey>>;
  /** Takes a key out of memory. */
  forget(tenant: string, customerId: string): void;
}

const KEY_BYTES = 32;
/** Unwrapped keys in memory: it saves a few microseconds for each row. Other instances hear nothing of an erasure, so that none stays for long. */
const IN_MEMORY = 10_000;
const IN_MEMORY_MS = 60_000;

export interface StoredKey {
  readonly customer_id: string;
  /** Null where there is none. */
  readonly wrapped_key: Uint8Array | null;
}

export function contentKeys({ wrapping }: MasterKey): ContentKeys {
  const unwrapped = new LRUCache<string, ContentKey>({ max: IN_MEMORY, ttl: IN_MEMORY_MS, ttlAutopurge: true });
  const nameOf = (tenant: string, customerId: string): string => `${tenant.length}:${tenant}:${customerId}`;
  const placeOf = (tenant: string, customerId: string) => ({ tenant, column: 'customer_keys.wrapped_key', id: customerId });

  const read: ContentKeys['read'] = (tenant, customerId, wrapped) => {
    if (!wrapped) return undefined;
    const name = nameOf(tenant, customerId);
    const known = unwrapped.get(name);
    // By what is stored, never by name alone: the key may have been destroyed and made anew since.
    if (known && Buffer.compare(known.wrapped, wrapped) === 0) return known;
    const key = contentKey(tenant, wrapped, open(wrapping, placeOf(tenant, customerId), wrapped));
    unwrapped.set(name, key);
    return key;
  };

  const insert = (tx: Transaction, tenant: string, customerIds: readonly string[]): Promise<StoredKey[]> => {
    // One order everywhere, so that two instances cannot wait for each other.
    const keys = [...customerIds].sort().map((customerId) => ({
      customer_id: customerId,
      wrapped_key: `\\x${seal(wrapping, placeOf(tenant, customerId), randomBytes(KEY_BYTES)).toString('hex')}`,
    }));
    // "Do nothing" would not return the row that another instance made meanwhile.
    return rowsOf<StoredKey>(
      tx,
      sql`
        insert into customer_keys as held (tenant, customer_id, wrapped_key, created_at)
        select ${tenant}, customer_id, wrapped_key, now() from jsonb_to_recordset(${JSON.stringify(keys)}::jsonb) as i(customer_id text, wrapped_key bytea)
        on conflict (tenant, customer_id) do update set wrapped_key = held.wrapped_key
        returning customer_id, wrapped_key`,
    );
  };

  const completed: ContentKeys['completed'] = async (tx, tenant, customers) => {
    const missing = customers.filter((row) => row.wrapped_key === null).map((row) => row.customer_id);
    const made = missing.length === 0 ? [] : await insert(tx, tenant, missing);
    return new Map(
      [...customers, ...made].flatMap(({ customer_id, wrapped_key }) => {
        const key = read(tenant, customer_id, wrapped_key);
        return key ? [[customer_id, key] as const] : [];
      }),
    );
  };

  return {
    read,
    completed,
    forWriting: async (tx, tenant, customerIds) => {
      const stored = await rowsOf<StoredKey>(tx, sql`select c.customer_id, k.wrapped_key from ${customersAndKeys(customerIds)}`);
      return completed(tx, tenant, stored);
    },
    forget: (tenant, customerId) => void unwrapped.delete(nameOf(tenant, customerId)),
  };
}

/** `c.customer_id`, each once, with the key `k` where there is one. */
export const customersAndKeys = (customerIds: readonly string[]): SQL => sql`
  jsonb_array_elements_text(${JSON.stringify([...new Set(customerIds)])}::jsonb) as c(customer_id)
  left join customer_keys k on k.customer_id = c.customer_id`;

const contentKey = (tenant: string, wrapped: Uint8Array, key: Uint8Array): ContentKey => ({
  wrapped,
  seal: (column, id, value) => seal(key, { tenant, column, id }, value),
  open: (column, id, sealed) => open(key, { tenant, column, id }, sealed),
});
