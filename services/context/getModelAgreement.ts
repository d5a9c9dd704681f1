import { sql } from 'drizzle-orm';
import type { AnalyticsServiceDefinition } from '../../gen/replymesh/v1/analytics_service.js';
import type { Handler } from '../../lib/server.js';
import { periodOf, rangesOf } from './analyticsPeriod.js';
import { filterOf, openScope, votesIn } from './rollUps.js';
import { rowsOf, type Store } from './store.js';

interface Row {
  readonly label_space: string;
  readonly model_version: string;
  readonly member: string;
  readonly votes: number;
  readonly agreed: number;
}

export const getModelAgreement =
  ({ store, now }: { store: Store; now: () => Date }): Handler<AnalyticsServiceDefinition, 'getModelAgreement'> =>
  (request, call) => {
    const period = periodOf(request, now());
    return store.within(call, async (tx) => {
      const scope = await openScope(tx, { period, ranges: rangesOf(period), filter: filterOf(request) });
      const rows = await rowsOf<Row>(
        tx,
        sql`
          select label_space, model_version, member, sum(votes)::float8 as votes, sum(agreed)::float8 as agreed from (${votesIn(scope)}) v
          group by label_space, model_version, member order by label_space, model_version, member`,
      );
      return {
        models: rows.map(({ label_space, model_version, member, votes, agreed }) => ({
          labelSpace: label_space,
          bundleDigest: model_version,
          member,
          votes,
          agreed,
          agreementRate: agreed / votes,
        })),
        recounting: scope.progress.recounting,
      };
    });
  };
