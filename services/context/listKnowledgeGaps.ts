import { type SQL, sql } from 'drizzle-orm';
import type { AnalyticsServiceDefinition } from '../../gen/replymesh/v1/analytics_service.js';
import type { Handler } from '../../lib/server.js';
import { type Period, periodOf, rangesOf } from './analyticsPeriod.js';
import type { Totals } from './figures.js';
import { COUNT_TOTALS, countsIn, filterOf, openScope } from './rollUps.js';
import { GAP_REASONS } from './schema.js';
import { rowsOf, type Store, type Transaction } from './store.js';

const DEFAULT_LIMIT = 20;
const EXAMPLES = 5;
const gaps = sql.raw(GAP_REASONS);

type Gap = { readonly intent: string } & Totals;

export const listKnowledgeGaps =
  ({ store, now }: { store: Store; now: () => Date }): Handler<AnalyticsServiceDefinition, 'listKnowledgeGaps'> =>
  (request, call) => {
    const period = periodOf(request, now());
    return store.within(call, async (tx) => {
      const scope = await openScope(tx, { period, ranges: rangesOf(period), filter: filterOf(request) });
      const found = await rowsOf<Gap>(
        tx,
        sql`
          select * from (select intent, ${COUNT_TOTALS} from (${countsIn(scope)}) c group by intent) by_intent
          where no_source + unsupported_sentence + out_of_scope > 0
          order by no_source + unsupported_sentence + out_of_scope desc, intent limit ${request.limit || DEFAULT_LIMIT}`,
      );
      const intents = found.map(({ intent }) => intent);
      const examples = await readExamples(tx, intents, period, scope.filter);
      return {
        gaps: found.map(({ intent, queries, no_source, unsupported_sentence, out_of_scope }) => ({
          intent,
          volume: queries,
          noSource: no_source,
          unsupportedSentence: unsupported_sentence,
          outOfScope: out_of_scope,
          share: (no_source + unsupported_sentence + out_of_scope) / queries,
          queryIds: examples.get(intent) ?? [],
        })),
        recounting: scope.progress.recounting,
      };
    });
  };

async function readExamples(
  tx: Transaction,
  intents: readonly string[],
  period: Period,
  filter: SQL,
): Promise<ReadonlyMap<string, string[]>> {
  const rows = await rowsOf<{ intent: string; ids: string[] }>(tx, examplesOf(intents, period, filter));
  return new Map(rows.map(({ intent, ids }) => [intent, ids]));
}

/** The latest messages of each intent, from the index of such messages in the months of the period alone. */
export const examplesOf = (intents: readonly string[], { from, to }: Period, filter: SQL): SQL => sql`
      select asked.intent, latest.ids from jsonb_array_elements_text(${JSON.stringify(intents)}::jsonb) as asked(intent)
      cross join lateral (
        select array_agg(id order by created_at desc, id desc) as ids from (
          select id, created_at from queries
          where queries.intent = asked.intent and reason in ${gaps} and ${filter}
            and created_at >= ${from.toISOString()}::timestamptz and created_at < ${to.toISOString()}::timestamptz
          order by created_at desc, id desc limit ${EXAMPLES}
        ) newest
      ) latest where latest.ids is not null`;
