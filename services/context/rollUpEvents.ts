import { sql } from 'drizzle-orm';
import type { Grain } from './analyticsPeriod.js';
import { binsOf, changesOfFeedback, countsOf, type Place, recordedQueries, type Span, votesOf } from './analyticsRows.js';
import { addCounts, addHistograms, addVotes, binned, readProgress } from './rollUps.js';
import { rowsOf, type Store, type Transaction } from './store.js';

/** Events that one transaction counts: enough to share its cost, few enough that it stays short. */
const BATCH = 5000;
const GRAINS: readonly Grain[] = ['hour', 'day'];

/** What was counted. */
export interface RolledUp {
  readonly events: number;
  /** From each message to the word that it is resolved, where that is new. */
  readonly resolutionSeconds: readonly number[];
}

/**
 * Adds the next events to the roll-ups, in the transaction that moves their place: each event once, whatever happens.
 * Only events before every transaction that still runs: what is read so is final, and nothing comes before it later.
 */
export const rollUpEvents = (store: Store, limit = BATCH): Promise<RolledUp> =>
  store.background(async (tx) => {
    const { place } = await readProgress(tx);
    const next = await nextPlace(tx, place, limit);
    if (!next) return { events: 0, resolutionSeconds: [] };
    const { events, ...upTo } = next;
    await move(tx, place, upTo);
    const span: Span = { after: place, upTo };
    const queries = recordedQueries(span);
    await addCounts(tx, countsOf(queries), GRAINS);
    await addHistograms(tx, binned(binsOf(queries), GRAINS));
    await addVotes(tx, votesOf(queries), GRAINS);
    await addCounts(tx, changesOfFeedback(span), GRAINS);
    const resolved = await rowsOf<{ seconds: number }>(
      tx,
      sql`select resolution_seconds_sum as seconds from (${changesOfFeedback(span)}) changes where resolved > 0`,
    );
    return { events, resolutionSeconds: resolved.map(({ seconds }) => seconds) };
  });

async function nextPlace(
  tx: Transaction,
  { transactionId, position }: Place,
  limit: number,
): Promise<(Place & { events: number }) | undefined> {
  const [last] = await rowsOf<Place & { events: number }>(
    tx,
    sql`
      select transaction_id::text as "transactionId", position::float8 as position, (count(*) over ())::int as events
      from (
        select o.transaction_id, o.position from outbox o
        where (o.transaction_id, o.position) > (${transactionId}::xid8, ${position}::bigint)
          and o.transaction_id < pg_snapshot_xmin(pg_current_snapshot())
        order by o.transaction_id, o.position limit ${limit}
      ) batch
      order by batch.transaction_id desc, batch.position desc limit 1`,
  );
  return last;
}

/** First of all, so that whoever counts the same events waits here, and then finds them counted. */
async function move(tx: Transaction, from: Place, to: Place): Promise<void> {
  const moved = await rowsOf(
    tx,
    sql`
      update analytics_progress set transaction_id = ${to.transactionId}::xid8, position = ${to.position}
      where tenant = '' and transaction_id = ${from.transactionId}::xid8 and position = ${from.position} returning 1`,
  );
  if (moved.length === 0) throw new Error('Another instance counts for analytics: the claim of this one was taken over.');
}

/**
 * A database that was restored from a dump has had fewer transactions than the one that it comes from, and so the place is one of its future.
 * Then everything that is stored is counted anew. @returns whether it was so
 */
export async function recountAfterRestore(store: Store): Promise<boolean> {
  const rows = await store.background((tx) =>
    rowsOf(
      tx,
      sql`
        update analytics_progress set transaction_id = pg_snapshot_xmin(pg_current_snapshot()), position = 0,
          recounting = true, recount_tenant = '', recount_from = '-infinity'
        where tenant = '' and transaction_id > pg_snapshot_xmin(pg_current_snapshot())
        returning 1`,
    ),
  );
  return rows.length > 0;
}
