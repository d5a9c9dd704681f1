import { sql } from 'drizzle-orm';
import type { AnalyticsServiceDefinition, ListKnowledgeGapsRequest } from '../../gen/replymesh/v1/analytics_service.js';
import type { Handler } from '../../lib/server.js';
import { type Period, periodOf, rangesOf } from './analyticsPeriod.js';
import { countsIn, filterOf, openScope } from './rollUps.js';
import { GAP_REASONS } from './schema.js';
import { rowsOf, type Store, type Transaction } from './store.js';

const DEFAULT_LIMIT = 20;
const EXAMPLES = 5;
const gaps = sql.raw(GAP_REASONS);

interface Gap {
  readonly intent: string;
  readonly volume: number;
  readonly no_source: number;
  readonly unsupported_sentence: number;
  readonly out_of_scope: number;
}

export const listKnowledgeGaps =
  ({ store, now }: { store: Store; now: () => Date }): Handler<AnalyticsServiceDefinition, 'listKnowledgeGaps'> =>
  (request, call) => {
    const period = periodOf(request, now());
    return store.within(call, async (tx) => {
      const scope = await openScope(tx, { period, ranges: rangesOf(period), filter: filterOf(request) });
      const found = await rowsOf<Gap>(
        tx,
        sql`
          select intent, sum(queries)::float8 as volume,
            coalesce(sum(queries) filter (where reason = 'NO_SOURCE'), 0)::float8 as no_source,
            coalesce(sum(queries) filter (where reason = 'UNSUPPORTED_SENTENCE'), 0)::float8 as unsupported_sentence,
            coalesce(sum(queries) filter (where reason = 'OUT_OF_SCOPE'), 0)::float8 as out_of_scope
          from (${countsIn(scope)}) c
          group by intent having coalesce(sum(queries) filter (where reason in ${gaps}), 0) > 0
          order by sum(queries) filter (where reason in ${gaps}) desc, intent limit ${request.limit || DEFAULT_LIMIT}`,
      );
      const examples = await readExamples(tx, request, period, found);
      return {
        gaps: found.map(({ intent, volume, no_source, unsupported_sentence, out_of_scope }) => ({
          intent,
          volume,
          noSource: no_source,
          unsupportedSentence: unsupported_sentence,
          outOfScope: out_of_scope,
          share: (no_source + unsupported_sentence + out_of_scope) / volume,
          queryIds: examples.get(intent) ?? [],
        })),
        recounting: scope.progress.recounting,
      };
    });
  };

/** The latest ones of each intent, from the index of such messages alone. */
async function readExamples(
  tx: Transaction,
  request: ListKnowledgeGapsRequest,
  { from, to }: Period,
  found: readonly Gap[],
): Promise<ReadonlyMap<string, string[]>> {
  const intents = JSON.stringify(found.map(({ intent }) => intent));
  const rows = await rowsOf<{ intent: string; ids: string[] }>(
    tx,
    sql`
      select asked.intent, latest.ids from jsonb_array_elements_text(${intents}::jsonb) as asked(intent)
      cross join lateral (
        select array_agg(id order by created_at desc, id desc) as ids from (
          select id, created_at from queries
          where queries.intent = asked.intent and reason in ${gaps} and ${filterOf(request)}
            and created_at >= ${from.toISOString()}::timestamptz and created_at < ${to.toISOString()}::timestamptz
          order by created_at desc, id desc limit ${EXAMPLES}
        ) newest
      ) latest where latest.ids is not null`,
  );
  return new Map(rows.map(({ intent, ids }) => [intent, ids]));
}
