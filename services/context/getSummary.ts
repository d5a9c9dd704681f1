import { sql } from 'drizzle-orm';
import type { AnalyticsServiceDefinition } from '../../gen/replymesh/v1/analytics_service.js';
import type { Handler } from '../../lib/server.js';
import { periodOf, rangesOf } from './analyticsPeriod.js';
import { type Histograms, summaryOf, type Totals } from './figures.js';
import { COUNT_TOTALS, countsIn, filterOf, histogramsIn, histogramTotals, openScope } from './rollUps.js';
import { rowsOf, type Store } from './store.js';

export const getSummary =
  ({ store, now }: { store: Store; now: () => Date }): Handler<AnalyticsServiceDefinition, 'getSummary'> =>
  (request, call) => {
    const period = periodOf(request, now());
    return store.within(call, async (tx) => {
      const scope = await openScope(tx, { period, ranges: rangesOf(period), filter: filterOf(request) });
      const intents = await rowsOf<{ intent: string } & Totals>(
        tx,
        sql`
          select intent, ${COUNT_TOTALS} from (${countsIn(scope)}) c
          group by intent having sum(queries) > 0 order by sum(queries) desc, intent`,
      );
      const [histograms] = await rowsOf<Histograms>(tx, sql`select ${histogramTotals()} from (${histogramsIn(scope)}) h`);
      return { summary: summaryOf(period, intents, histograms!, scope.progress.recounting) };
    });
  };
