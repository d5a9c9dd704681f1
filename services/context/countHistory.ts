import { sql } from 'drizzle-orm';
import { ResolutionStatus } from '../../gen/replymesh/type/v1/customer.js';
import { type History, noHistory, recentSince } from './behaviour.js';
import { millis, rowsOf, type Transaction } from './store.js';

/** Counts a customer's lines, and tells their version, in one statement: both are of the same moment. */
export async function countHistory(
  tx: Transaction,
  customerId: string,
  now: Date,
): Promise<{ readonly history: History; readonly version: number }> {
  const status = (one: ResolutionStatus): string => ResolutionStatus[one];
  const [row] = await rowsOf<{ history: History; version: number | null }>(
    tx,
    sql`
      select (select version::float8 from customer_versions where customer_id = ${customerId}) as version,
             jsonb_build_object(
               'total', count(*),
               'escalations', count(*) filter (where resolution_status = ${status(ResolutionStatus.ESCALATED)}),
               'open', count(*) filter (where resolution_status = ${status(ResolutionStatus.OPEN)}),
               'scores', count(satisfaction_score),
               'scoreSum', coalesce(sum(satisfaction_score), 0),
               'lastAt', ${millis('max(created_at)')},
               'recent', coalesce(jsonb_agg(${millis('created_at')}) filter (where created_at >= ${recentSince(now).toISOString()}::timestamptz), '[]')
             ) as history
      from customer_history where customer_id = ${customerId}`,
  );
  return { history: row?.history ?? noHistory, version: row?.version ?? 0 };
}
