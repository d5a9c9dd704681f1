import { type SQL, sql } from 'drizzle-orm';
import { binsOf, countsOf, storedFeedback, storedQueries, type TenantHour, votesOf } from './analyticsRows.js';
import {
  addCounts,
  addHistograms,
  addVotes,
  binned,
  countsOfHours,
  histogramsOfHours,
  lockProgress,
  readProgress,
  votesOfHours,
} from './rollUps.js';
import { millis, rowsOf, type Store, type Transaction } from './store.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * Counts the next hour of a tenant anew from what is stored, while a recount is asked for: an hour in a transaction, so that nobody waits and a kill costs one hour.
 * Hours of which nothing is stored any more keep what was counted.
 * @returns whether there may be more
 */
export const recountHour = (store: Store): Promise<boolean> =>
  store.background(async (tx) => {
    if (!(await readProgress(tx)).recounting) return false;
    const { place } = await lockProgress(tx);
    const next = await nextHour(tx);
    if (!next) {
      await tx.execute(sql`update analytics_progress set recounting = false where tenant = ''`);
      return false;
    }
    const queries = storedQueries(next, place);
    await remove(tx, next, sql`grain = 'hour' and starts_at = ${next.from.toISOString()}::timestamptz`);
    await addCounts(tx, countsOf(queries), ['hour']);
    await addCounts(tx, storedFeedback(next, place), ['hour']);
    await addHistograms(tx, binned(binsOf(queries), ['hour']));
    await addVotes(tx, votesOf(queries), ['hour']);
    await sumDay(tx, next);
    await tx.execute(sql`
      update analytics_progress set recount_tenant = ${next.tenant}, recount_from = ${next.to.toISOString()}::timestamptz where tenant = ''`);
    return true;
  });

/** The next hour with a message: of the same tenant, or the first one of the next tenant. Goes by indexes, over what may be many millions. */
async function nextHour(tx: Transaction): Promise<TenantHour | undefined> {
  const [row] = await rowsOf<{ tenant: string; at: number }>(
    tx,
    sql`
      select tenant, ${millis('at')} as at from (
        select p.recount_tenant as tenant,
          (select min(q.created_at) from queries q where q.tenant = p.recount_tenant and q.created_at >= p.recount_from) as at, 1 as turn
        from analytics_progress p where p.tenant = ''
        union all
        select following.tenant, (select min(q.created_at) from queries q where q.tenant = following.tenant), 2
        from analytics_progress p
        cross join lateral (select min(q.tenant) as tenant from queries q where q.tenant > p.recount_tenant) following
        where p.tenant = ''
      ) hours where at is not null order by turn limit 1`,
  );
  if (!row) return undefined;
  const from = Math.floor(row.at / HOUR_MS) * HOUR_MS;
  return { tenant: row.tenant, from: new Date(from), to: new Date(from + HOUR_MS) };
}

/** A day is the sum of its hours. */
async function sumDay(tx: Transaction, { tenant, from }: TenantHour): Promise<void> {
  const start = Math.floor(from.getTime() / DAY_MS) * DAY_MS;
  const day: TenantHour = { tenant, from: new Date(start), to: new Date(start + DAY_MS) };
  await remove(tx, day, sql`grain = 'day' and starts_at = ${day.from.toISOString()}::timestamptz`);
  await addCounts(tx, countsOfHours(day), ['day']);
  await addHistograms(tx, histogramsOfHours(day));
  await addVotes(tx, votesOfHours(day), ['day']);
}

async function remove(tx: Transaction, { tenant }: TenantHour, which: SQL): Promise<void> {
  for (const table of ['analytics_counts', 'analytics_histograms', 'analytics_votes'])
    await tx.execute(sql`delete from ${sql.identifier(table)} where tenant = ${tenant} and ${which}`);
}
