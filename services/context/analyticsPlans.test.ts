import { type SQL, sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Action, Decision, DecisionReason } from '../../gen/replymesh/type/v1/decision.js';
import { periodOf, rangesOf } from './analyticsPeriod.js';
import { storedQueries } from './analyticsRows.js';
import { aQuery, newTenant, openTestStore, startContext, storeKinds, until } from './context.fixture.js';
import { examplesOf } from './listKnowledgeGaps.js';
import { makeQueryPartition } from './queryPartitions.js';
import { rollUpEvents } from './rollUpEvents.js';
import { COUNT_TOTALS, countsIn, filterOf, histogramsIn, histogramTotals, openScope, votesIn } from './rollUps.js';
import { rowsOf, type Store, type Transaction } from './store.js';

const MONTHS = ['2026-08', '2026-09', '2026-10', '2026-11'].map((month) => new Date(`${month}-15T00:00:00Z`));
const OCTOBER = periodOf({ startTime: new Date('2026-10-05T03:00:00Z'), endTime: new Date('2026-10-20T00:00:00Z') }, new Date(0));

describe.each(storeKinds)('what analytics reads on %s', (kind) => {
  let store: Store;
  let mesh: Awaited<ReturnType<typeof startContext>>;
  const { as, tenant } = newTenant();
  beforeAll(async () => {
    store = await openTestStore(kind, true);
    mesh = await startContext(store);
    for (const month of MONTHS) {
      await makeQueryPartition(store, month);
      const query = aQuery({ createTime: month });
      const decision = Decision.fromPartial({ ...query.decision, action: Action.DRAFT, reason: DecisionReason.NO_SOURCE });
      await mesh.context.recordDecision({ query: { ...query, decision } }, as);
      await mesh.feedback.submitFeedback({ queryId: query.id, resolved: true }, as);
    }
    let events = 0;
    await until(async () => (events += (await rollUpEvents(store)).events) === 2 * MONTHS.length);
  });
  afterAll(async () => {
    await mesh.close();
    await store.close();
  });

  /** The plan of a statement with what was executed of it, as if tables were large. */
  async function planOf(tx: Transaction, statement: SQL): Promise<string> {
    await tx.execute(sql`set local enable_seqscan = off`);
    const rows = await rowsOf<{ 'QUERY PLAN': string }>(tx, sql`explain (analyze, costs off, timing off, summary off) ${statement}`);
    return rows.map((row) => row['QUERY PLAN']).join('\n');
  }
  /** Months of messages that a plan looks into. */
  const monthsIn = (plan: string): string[] => [
    ...new Set(
      plan
        .split('\n')
        .filter((line) => !line.includes('never executed'))
        .flatMap((line) => / on (queries_\w+)/.exec(line)?.[1] ?? []),
    ),
  ];

  it('of a summary, a series or an agreement is the roll-ups of its hours and days, and no message', async () => {
    await store.within(as.within, async (tx) => {
      const scope = await openScope(tx, { period: OCTOBER, ranges: rangesOf(OCTOBER), filter: filterOf({ labelSpace: 'support' }) });
      for (const [table, statement] of [
        ['analytics_counts', sql`select intent, ${COUNT_TOTALS} from (${countsIn(scope)}) c group by intent`],
        ['analytics_histograms', sql`select ${histogramTotals()} from (${histogramsIn(scope)}) h`],
        ['analytics_votes', sql`select member, sum(votes) from (${votesIn(scope)}) v group by member`],
      ] as const) {
        const plan = await planOf(tx, statement);
        expect(monthsIn(plan)).toEqual([]);
        // One piece of the key for the days, one for the hours before the first of them.
        const pieces = plan.split('\n').filter((line) => line.includes('Index Cond') && line.includes('starts_at'));
        expect(pieces).toHaveLength(2);
        expect(plan).toContain(`${table}_pk`);
      }
    });
  });

  it('of the examples of gaps is the index of such messages, in the months of the period', async () => {
    const plan = await store.within(as.within, (tx) => planOf(tx, examplesOf(['get_refund'], OCTOBER, filterOf({}))));
    expect(monthsIn(plan)).toEqual(['queries_2026_10']);
    expect(plan).not.toContain('Filter: (reason');
  });

  it('of an hour that is counted anew is its month', async () => {
    const hour = { tenant, from: new Date('2026-10-15T00:00:00Z'), to: new Date('2026-10-15T01:00:00Z') };
    const plan = await store.background((tx) => planOf(tx, storedQueries(hour, { transactionId: '0', position: 0 })));
    expect(monthsIn(plan)).toEqual(['queries_2026_10']);
  });
});
