import { sql } from 'drizzle-orm';
import {
  type AnalyticsServiceDefinition,
  type GetTimeSeriesRequest,
  Granularity,
  Metric,
} from '../../gen/replymesh/v1/analytics_service.js';
import type { Handler } from '../../lib/server.js';
import { requireNone } from '../../lib/validation.js';
import { type Grain, type Period, periodOf, startsIn, stepsIn } from './analyticsPeriod.js';
import { figureOf, NOTHING, PERCENTILES, type Totals } from './figures.js';
import { COUNT_TOTALS, countsIn, filterOf, histogramsIn, histogramTotals, openScope, type Scope } from './rollUps.js';
import { millis, rowsOf, type Store, type Transaction } from './store.js';

const MAX_POINTS = 1000;

/** Something of one hour or day, by its beginning in milliseconds since 1970. */
type ByStart<T> = ReadonlyMap<number, T>;

export const getTimeSeries =
  ({ store, now }: { store: Store; now: () => Date }): Handler<AnalyticsServiceDefinition, 'getTimeSeries'> =>
  (request, call) => {
    const grain: Grain = request.granularity === Granularity.HOUR ? 'hour' : 'day';
    const period = askedPeriod(request, now(), grain);
    const metrics = request.metrics.length === 0 ? [Metric.VOLUME] : request.metrics;
    return store.within(call, async (tx) => {
      const scope = await openScope(tx, { period, ranges: [{ ...period, grain }], filter: filterOf(request) });
      const totals = await readTotals(tx, scope, grain);
      const responseTimes = metrics.some((m) => m in PERCENTILES) ? await readResponseTimes(tx, scope, grain) : undefined;
      const points = startsIn(period, grain).map((startTime) => {
        const at = startTime.getTime();
        return { startTime, values: metrics.map((metric) => figureOf(metric, totals.get(at) ?? NOTHING, responseTimes?.get(at) ?? [])) };
      });
      return { points, recounting: scope.progress.recounting };
    });
  };

function askedPeriod(request: GetTimeSeriesRequest, now: Date, grain: Grain): Period {
  const period = periodOf(request, now, grain);
  const steps = stepsIn(period, grain);
  const description = `the period has ${steps} ${grain}s, and at most ${MAX_POINTS} are told at once: begin later, or ask by day`;
  requireNone(steps > MAX_POINTS ? [{ field: 'start_time', description }] : []);
  return period;
}

const startOf = (grain: Grain) => millis(`date_trunc('${grain}', at, 'UTC')`);

async function readTotals(tx: Transaction, scope: Scope, grain: Grain): Promise<ByStart<Totals>> {
  const rows = await rowsOf<{ start: number } & Totals>(
    tx,
    sql`select ${startOf(grain)} as start, ${COUNT_TOTALS} from (${countsIn(scope)}) c group by 1`,
  );
  return new Map(rows.map((row) => [row.start, row]));
}

async function readResponseTimes(tx: Transaction, scope: Scope, grain: Grain): Promise<ByStart<readonly number[]>> {
  const rows = await rowsOf<{ start: number; response_time: readonly number[] }>(
    tx,
    sql`select ${startOf(grain)} as start, ${histogramTotals(['response_time'])} from (${histogramsIn(scope)}) h group by 1`,
  );
  return new Map(rows.map((row) => [row.start, row.response_time]));
}
