import { sql } from 'drizzle-orm';
import type { KnownLabels } from './knownLabels.js';
import { OUT_OF_SCOPE } from './reviewDraw.js';
import { STANDS_FIRST } from './standingLabel.js';
import { rowsOf, type Transaction } from './store.js';

/**
 * Messages labelled since then that "retrain" would train on: the label that stands is one of the space's and was not drawn by chance, for those
 * calibrate only, and a model has read the message.
 */
export async function countUsableLabels(tx: Transaction, { names, labels }: KnownLabels, since: Date): Promise<number> {
  const spaces = sql`label_space = any(array(select jsonb_array_elements_text(${JSON.stringify(names)}::jsonb)))`;
  const [counted] = await rowsOf<{ count: number }>(
    tx,
    sql`
      with labelled as materialized (
        select distinct query_id from labels where ${spaces} and created_at >= ${since.toISOString()}::timestamptz
      )
      select count(*)::int as count from labelled m
      cross join lateral (select label, drawn from labels where query_id = m.query_id and ${spaces} order by ${STANDS_FIRST} limit 1) standing
      where standing.drawn = 'chosen'
        and standing.label = any(array(select jsonb_array_elements_text(${JSON.stringify([...labels, OUT_OF_SCOPE])}::jsonb)))
        and exists (select from queries q where q.id = m.query_id and q.model_version <> '')`,
  );
  return counted?.count ?? 0;
}
