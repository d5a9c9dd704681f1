import { sql } from 'drizzle-orm';
import type { RecordDecisionResponse } from '../../gen/replymesh/context/v1/context_service.js';
import { fault } from '../errors.js';
import type { ContentKeys } from './contentKeys.js';
import type { DecisionWrite } from './decisionRow.js';
import type { Outcome } from './groupCommit.js';
import { KEY_OF_QUERY, openQuery, SEALED_RECORD, type SealedRecord } from './sealedQuery.js';
import { rowsOf, type Transaction } from './store.js';

/** The record that stands for one that was not stored, where there is any. */
export type Standing = {
  readonly for: string;
  /** Whether it has the same id, as against the same request id. */
  readonly own: boolean;
  /** Of the request that holds the request id. */
  readonly fingerprint: string | null;
} & (SealedRecord | { readonly id: null });

export async function readStanding(tx: Transaction, writes: readonly DecisionWrite[]): Promise<ReadonlyMap<string, Standing>> {
  const input = JSON.stringify(writes.map(({ id, request_id }) => ({ id, request_id })));
  const rows = await rowsOf<Standing>(
    tx,
    sql`
      select i.id as for, own.id is not null as own, held.fingerprint, ${SEALED_RECORD}
      from jsonb_to_recordset(${input}::jsonb) as i(id text, request_id text)
      left join queries own on own.id = i.id
      left join request_reservations held on held.request_id = i.request_id and i.request_id <> ''
      left join queries q on q.id = coalesce(own.id, held.query_id)
      ${KEY_OF_QUERY}`,
  );
  return new Map(rows.map((row) => [row.for, row]));
}

export function outcomeOf(
  keys: ContentKeys,
  tenant: string,
  write: DecisionWrite,
  standing: Standing | undefined,
): Outcome<RecordDecisionResponse> {
  const fingerprint = standing?.fingerprint;
  const sameRequest = standing?.own || fingerprint === write.fingerprint || write.fingerprint === '' || fingerprint === '';
  if (!sameRequest) return { ok: false, error: fault('REQUEST_ID_REUSED', { request_id: write.request_id }) };
  const query = standing && standing.id !== null ? openQuery(keys, tenant, standing) : undefined;
  return query ? { ok: true, value: { query, created: false } } : { ok: false, error: fault('STORE_UNREACHABLE', {}) };
}
