import { sql } from 'drizzle-orm';
import { Gauge, Histogram } from 'prom-client';
import { registry } from '../../lib/metrics.js';
import { rowsOf, type Store } from './store.js';

const HOUR_MS = 3_600_000;
const WINDOW_MS = 24 * HOUR_MS;
/** Intents that get a series of their own, those with most messages first; the others share `other`. */
const MOST_INTENTS = 100;

const satisfaction = new Gauge({
  name: 'customer_satisfaction_score',
  help: 'Mean satisfaction, 1 to 5, on messages of the last 24 hours; absent when nobody gave any. Told by the one instance that counts.',
  registers: [registry],
});
const escalation = new Gauge({
  name: 'escalation_rate',
  help: `Share of the messages of the last 24 hours that was for a person to answer, by first intent: the ${MOST_INTENTS} most frequent ones, "other", and "none" without models.`,
  labelNames: ['intent'],
  registers: [registry],
});
const caughtUp = new Gauge({
  name: 'analytics_caught_up_timestamp_seconds',
  help: 'When everything that was recorded was last in the roll-ups of analytics, seconds since 1970.',
  registers: [registry],
});
const resolutionTime = new Histogram({
  name: 'resolution_time_seconds',
  help: 'Time from a message to the feedback that confirms its resolution.',
  // A minute to a week.
  buckets: [60, 300, 900, 3600, 4 * 3600, 12 * 3600, 86_400, 3 * 86_400, 7 * 86_400],
  registers: [registry],
});
forgetBusinessMetrics();

export const observeResolution = (seconds: number): void => resolutionTime.observe(seconds);
export const observeCaughtUp = (now: Date): void => caughtUp.set(now.getTime() / 1000);

/** They are another instance's to tell now: a figure that nobody keeps up to date is worse than none. */
export function forgetBusinessMetrics(): void {
  satisfaction.remove();
  escalation.reset();
  caughtUp.remove();
}

interface Figures {
  readonly intent: string;
  readonly queries: number;
  readonly escalated: number;
  readonly satisfaction_count: number;
  readonly satisfaction_sum: number;
}

/** Reads the figures of the last day of all tenants, and tells them. */
export async function tellBusinessMetrics(store: Store, now: Date): Promise<void> {
  const from = new Date(Math.floor((now.getTime() - WINDOW_MS) / HOUR_MS) * HOUR_MS).toISOString();
  const rows = await store.background((tx) =>
    rowsOf<Figures>(
      tx,
      sql`
        select intent, sum(queries)::float8 as queries, sum(escalated)::float8 as escalated,
          sum(satisfaction_count)::float8 as satisfaction_count, sum(satisfaction_sum)::float8 as satisfaction_sum
        from analytics_counts where grain = 'hour' and starts_at >= ${from}::timestamptz
        group by intent order by sum(queries) desc`,
    ),
  );
  const total = (of: (row: Figures) => number): number => rows.reduce((sum, row) => sum + of(row), 0);
  const count = total((row) => row.satisfaction_count);
  if (count > 0) satisfaction.set(total((row) => row.satisfaction_sum) / count);
  else satisfaction.remove();
  escalation.reset();
  for (const [intent, rate] of escalationRates(rows)) escalation.set({ intent }, rate);
}

/** By label of the metric, at most two more than MOST_INTENTS of them. @param rows most messages first */
export function escalationRates(rows: readonly Pick<Figures, 'intent' | 'queries' | 'escalated'>[]): Map<string, number> {
  const sums = new Map<string, { queries: number; escalated: number }>();
  rows.forEach(({ intent, queries, escalated }, rank) => {
    const label = intent === '' ? 'none' : rank < MOST_INTENTS ? intent : 'other';
    const sum = sums.get(label) ?? { queries: 0, escalated: 0 };
    sums.set(label, { queries: sum.queries + queries, escalated: sum.escalated + escalated });
  });
  return new Map([...sums].filter(([, { queries }]) => queries > 0).map(([label, { queries, escalated }]) => [label, escalated / queries]));
}
