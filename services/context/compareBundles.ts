import { type SQL, sql } from 'drizzle-orm';
import type { CompareBundlesRequest, ModelMonitoringServiceDefinition } from '../../gen/replymesh/v1/model_monitoring_service.js';
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

/**
 * Reads no message: what the champion said stands beside what the challenger did. Only what people have labelled is looked up row by row, by the message
 * alone: where the database knows little of the tables yet, it could take the index of the pair and read all of it for each label.
 */
export function pairCounts({
  champion,
  challenger,
  labelSpace,
}: Pick<CompareBundlesRequest, 'champion' | 'challenger' | 'labelSpace'>): SQL {
  const asked = sql`(${labelSpace} = '' or label_space = ${labelSpace})`;
  return sql`
    with standing as materialized (
      select query_id, label_space, (array_agg(label order by ${STANDS_FIRST}))[1] as label from labels where ${asked} group by query_id, label_space
    ), labelled as (
      select s.champion_intent as ours, s.intent as theirs, l.label
      from standing l cross join lateral (
        select * from shadow_predictions o where o.query_id = l.query_id offset 0
      ) s
      where s.bundle_digest = ${challenger} and s.champion_digest = ${champion} and s.label_space = l.label_space
    ), counted as (
      select count(*)::float8 as shadowed, (count(*) filter (where champion_intent = intent))::float8 as agreed
      from shadow_predictions where bundle_digest = ${challenger} and champion_digest = ${champion} and ${asked}
    )
    select shadowed, agreed, count(label)::float8 as labelled,
      (count(*) filter (where ours = label and theirs = label))::float8 as both_right,
      (count(*) filter (where ours = label and theirs <> label))::float8 as champion_right,
      (count(*) filter (where ours <> label and theirs = label))::float8 as challenger_right
    from counted left join labelled on true group by shadowed, agreed`;
}

/** Compares two bundles on what both have read. */
export const compareBundles =
  ({ store }: { store: Store }): Handler<ModelMonitoringServiceDefinition, 'compareBundles'> =>
  async (request, call) => {
    const [row] = await store.within(call, (tx) => rowsOf<Counts>(tx, pairCounts(request)));
    const { shadowed, agreed, labelled, both_right, champion_right, challenger_right } = row!;
    const counts = {
      bothRight: both_right,
      championRight: champion_right,
      challengerRight: challenger_right,
      neitherRight: labelled - both_right - champion_right - challenger_right,
    };
    return { shadowed, agreed, labelled, ...counts, test: pairedTest(counts) };
  };
