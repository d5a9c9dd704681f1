import { sql } from 'drizzle-orm';
import type { ContextServiceDefinition, GetDecisionInputsResponse } from '../../gen/replymesh/context/v1/context_service.js';
import { DecisionInputs } from '../../gen/replymesh/type/v1/decision_inputs.js';
import type { Passage } from '../../gen/replymesh/type/v1/knowledge.js';
import type { Handler } from '../../lib/server.js';
import { fail } from '../errors.js';
import type { ContentKeys } from './contentKeys.js';
import {
  openInputs,
  openQuery,
  QUERIES_AND_KEYS,
  SEALED_INPUTS,
  SEALED_RECORD,
  type SealedInputs,
  type SealedRecord,
} from './sealedQuery.js';
import { rowsOf, type Store, type Transaction } from './store.js';

export const getDecisionInputs =
  ({ store, keys }: { store: Store; keys: ContentKeys }): Handler<ContextServiceDefinition, 'getDecisionInputs'> =>
  ({ id }, call) =>
    store.within(call, async (tx): Promise<GetDecisionInputsResponse> => {
      const [row] = await rowsOf<SealedRecord & SealedInputs>(
        tx,
        sql`select ${SEALED_RECORD}, ${SEALED_INPUTS} from ${QUERIES_AND_KEYS} where q.id = ${id}`,
      );
      const query = row && openQuery(keys, call.principal.tenant, row);
      if (!query) return (await wasRecorded(tx, id)) ? { outcome: { $case: 'erased', value: {} } } : fail('QUERY_NOT_FOUND', { id });
      const inputs = openInputs(keys, call.principal.tenant, row);
      const passages = await readPassages(tx, inputs ?? DecisionInputs.create());
      return { outcome: { $case: 'recorded', value: { query, inputs, passages } } };
    });

/** The audit log outlives what it tells of. */
async function wasRecorded(tx: Transaction, id: string): Promise<boolean> {
  const rows = await rowsOf(tx, sql`select from audit_log where subject = ${id} and action = 'decision.recorded' limit 1`);
  return rows.length > 0;
}

async function readPassages(tx: Transaction, { passages }: DecisionInputs): Promise<Passage[]> {
  if (passages.length === 0) return [];
  const ids = JSON.stringify(passages.map((passage) => passage.id));
  const rows = await rowsOf<{ id: string; article_id: string; title: string; text: string; text_sha256: string }>(
    tx,
    sql`select id, article_id, title, text, text_sha256 from passages where id = any(array(select jsonb_array_elements_text(${ids}::jsonb)))`,
  );
  return rows.map(({ id, article_id, title, text, text_sha256 }) => {
    return { id, articleId: article_id, title, text, textSha256: text_sha256, score: 0, similarity: undefined };
  });
}
