import { type SQL, sql } from 'drizzle-orm';
import { Query } from '../../gen/replymesh/type/v1/decision.js';
import { DecisionInputs } from '../../gen/replymesh/type/v1/decision_inputs.js';
import type { ContentKey, ContentKeys } from './contentKeys.js';
import type { QueryTexts } from './decisionRow.js';

/** A record as it is stored, with the key that was read beside it. */
export interface SealedRecord {
  readonly id: string;
  readonly customer_id: string;
  readonly record: Uint8Array;
  /** Null when it was destroyed. */
  readonly wrapped_key: Uint8Array | null;
}

/** What its decision was made from, stored beside it. */
export interface SealedInputs {
  /** Null when a version before recorded it. */
  readonly inputs: Uint8Array | null;
}

/** The key `k` of the customer of the query `q`. */
export const KEY_OF_QUERY: SQL = sql`left join customer_keys k on k.tenant = q.tenant and k.customer_id = q.customer_id`;
export const QUERIES_AND_KEYS: SQL = sql`queries q ${KEY_OF_QUERY}`;
/** The newest `limit` queries that meet the conditions on `q`, each with its key: joined after the limit, so that no plan can read more.
 * The limit stands in the text: a plan for any limit would not be one for few rows. */
export const newestQueries = (conditions: SQL, limit: number): SQL => sql`
  (select q.* from queries q where ${conditions} order by q.created_at desc, q.id desc limit ${sql.raw(String(limit))}) q ${KEY_OF_QUERY}
  order by q.created_at desc, q.id desc`;
export const SEALED_RECORD: SQL = sql`q.id, q.customer_id, q.record, k.wrapped_key`;
export const SEALED_INPUTS: SQL = sql`q.inputs`;

/** Bytes in JSON, as Postgres reads them. */
export const hex = (bytes: Uint8Array): string => `\\x${Buffer.from(bytes).toString('hex')}`;
/** The same for all columns of a row. */
export const hexOf = <C extends string>(row: Readonly<Record<C, Uint8Array>>): Record<C, string> =>
  Object.fromEntries(Object.entries<Uint8Array>(row).map(([column, bytes]) => [column, hex(bytes)])) as Record<C, string>;

/** The columns of a query that hold a customer's words, encrypted. */
export const sealQuery = (key: ContentKey, id: string, { text, reply, record, inputs }: QueryTexts): Record<string, Uint8Array> => ({
  query_text: key.seal('queries.query_text', id, Buffer.from(text)),
  response_text: key.seal('queries.response_text', id, Buffer.from(reply)),
  record: key.seal('queries.record', id, record),
  ...(inputs ? { inputs: key.seal('queries.inputs', id, inputs) } : {}),
});

/** The encoded `Query`. Undefined when its key is gone: nobody can read it any more. */
export const openRecord = (keys: ContentKeys, tenant: string, row: SealedRecord): Uint8Array | undefined =>
  keys.read(tenant, row.customer_id, row.wrapped_key)?.open('queries.record', row.id, row.record);

/** The same, read. */
export function openQuery(keys: ContentKeys, tenant: string, row: SealedRecord): Query | undefined {
  const record = openRecord(keys, tenant, row);
  return record && Query.decode(record);
}

/** Undefined when there are none, or their key is gone. */
export function openInputs(keys: ContentKeys, tenant: string, row: SealedRecord & SealedInputs): DecisionInputs | undefined {
  const key = keys.read(tenant, row.customer_id, row.wrapped_key);
  return key && row.inputs ? DecisionInputs.decode(key.open('queries.inputs', row.id, row.inputs)) : undefined;
}
