import { sql } from 'drizzle-orm';
import type { ModelMonitoringServiceDefinition } from '../../gen/replymesh/v1/model_monitoring_service.js';
import type { Handler } from '../../lib/server.js';
import { pairedTest } from './pairedTest.js';
import { STANDS_FIRST } from './standingLabel.js';
import { rowsOf, type Store } from './store.js';

interface Counts {
  readonly shadowed: number;
  readonly agreed: number;
  readonly labelled: number;
  readonly both_right: number;
  readonly champion_right: number;
  readonly challenger_right: number;
}

/** Compares two bundles on what both have read. */
export const compareBundles =
  ({ store }: { store: Store }): Handler<ModelMonitoringServiceDefinition, 'compareBundles'> =>
  async ({ champion, challenger, labelSpace }, call) => {
    const [row] = await store.within(call, (tx) =>
      rowsOf<Counts>(
        tx,
        sql`
          with pairs as (
            select q.intent as ours, s.intent as theirs,
              (select l.label from labels l where l.query_id = s.query_id and l.label_space = s.label_space order by ${STANDS_FIRST} limit 1) as label
            from shadow_predictions s join queries q on q.id = s.query_id
            where s.bundle_digest = ${challenger} and q.model_version = ${champion} and q.label_space = s.label_space
              and (${labelSpace} = '' or s.label_space = ${labelSpace})
          )
          select count(*)::float8 as shadowed, (count(*) filter (where ours = theirs))::float8 as agreed, count(label)::float8 as labelled,
            (count(*) filter (where ours = label and theirs = label))::float8 as both_right,
            (count(*) filter (where ours = label and theirs <> label))::float8 as champion_right,
            (count(*) filter (where ours <> label and theirs = label))::float8 as challenger_right
          from pairs`,
      ),
    );
    const { shadowed, agreed, labelled, both_right, champion_right, challenger_right } = row!;
    const counts = {
      bothRight: both_right,
      championRight: champion_right,
      challengerRight: challenger_right,
      neitherRight: labelled - both_right - champion_right - challenger_right,
    };
    return { shadowed, agreed, labelled, ...counts, test: pairedTest(counts) };
  };
