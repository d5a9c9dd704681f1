import { type SQL, sql } from 'drizzle-orm';
import { log } from '../../lib/log.js';
import type { Closable } from '../../lib/shutdown.js';
import { forgetBelongings } from './forgetBelongings.js';
import { millis, rowsOf, type Store, type Transaction } from './store.js';

/** Months that are made before their time. */
const AHEAD = 2;
const EVERY_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Rows that one transaction deletes: few enough that nobody waits for it. */
const BATCH = 5000;
/** What belongs to a message and goes before it, so that whatever comes between, an erasure still finds the rest by it. */
const BEFORE_MESSAGES = ['feedback', 'customer_history', 'labels', 'reviews', 'shadow_predictions'] as const;

interface Parts {
  readonly store: Store;
  /** 0 keeps everything. */
  readonly retentionDays: number;
  readonly now: () => Date;
}

/** Makes the months to come and forgets those whose time is over, at once and then every hour. Until it has, queries go to the default partition: nothing fails. */
export function startQueryPartitions({ store, retentionDays, now }: Parts): Closable {
  const stop = new AbortController();
  const tend = async (): Promise<void> => {
    try {
      await makeQueryPartitions(store, now());
      if (retentionDays > 0) await forgetOld(store, retentionDays, now(), stop.signal);
    } catch (error) {
      log.warn({ error }, 'the partitions of queries could not be tended: trying again later');
    }
  };
  let tending = tend();
  const timer = setInterval(() => {
    tending = tending.then(tend);
  }, EVERY_MS);
  timer.unref();
  return {
    close: async () => {
      clearInterval(timer);
      stop.abort();
      await tending;
    },
  };
}

/** First instant of a month, UTC. */
const monthOf = (at: Date, later = 0): Date => new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + later));
const nameOf = (month: Date): string => `queries_${month.toISOString().slice(0, 7).replace('-', '_')}`;

/** Makes the partitions of this month and the next ones. */
export async function makeQueryPartitions(store: Store, now: Date): Promise<void> {
  for (let later = 0; later <= AHEAD; later += 1) await makeQueryPartition(store, monthOf(now, later));
}

/** Makes the partition of the month that holds `at`; queries of that month that are in the default partition move to it. Does nothing when it is there. */
export async function makeQueryPartition(store: Store, at: Date): Promise<void> {
  const [from, to] = [monthOf(at).toISOString(), monthOf(at, 1).toISOString()];
  const name = nameOf(monthOf(at));
  const table = sql.identifier(name);
  await store.owner(async (tx) => {
    if (await isThere(tx, name)) return;
    await changeQuickly(tx);
    // Another instance may have made it while this one waited for the lock.
    if (await isThere(tx, name)) return;
    await tx.execute(sql`lock table queries_default in access exclusive mode`);
    await tx.execute(sql`create table ${table} (like queries)`);
    // FORCE would hide the rows from an owner that is no superuser.
    await tx.execute(sql`alter table queries_default no force row level security`);
    await tx.execute(sql`
      with moved as (delete from queries_default where created_at >= ${from}::timestamptz and created_at < ${to}::timestamptz returning *)
      insert into ${table} select * from moved`);
    await tx.execute(sql`alter table queries_default force row level security`);
    // Neither policies nor grants: a partition is reached through `queries` alone.
    await tx.execute(sql`alter table ${table} enable row level security, force row level security`);
    await tx.execute(
      sql`alter table queries attach partition ${table} for values from (${sql.raw(`'${from}'`)}) to (${sql.raw(`'${to}'`)})`,
    );
    log.info({ partition: name }, 'made a partition of queries');
  });
}

async function isThere(tx: Transaction, name: string): Promise<boolean> {
  const [row] = await rowsOf<{ there: boolean }>(tx, sql`select to_regclass(${name}) is not null as there`);
  return row?.there ?? false;
}

/** One instance changes partitions at a time. Whoever waits for a lock holds up everybody behind: rather give up and try again in an hour. */
async function changeQuickly(tx: Transaction): Promise<void> {
  await tx.execute(sql`set local lock_timeout = '500ms'`);
  await tx.execute(sql`lock table queries in share update exclusive mode`);
}

/**
 * Deletes the messages of the months that ended more than `retentionDays` ago, and all that belongs to them. Goes by the earlier of this
 * machine's clock and the database's, so that one clock that is wrong deletes nothing early.
 */
export async function forgetOld(store: Store, retentionDays: number, now: Date, signal: AbortSignal): Promise<void> {
  const [database] = await store.background((tx) => rowsOf<{ now: number }>(tx, sql`select ${millis('now()')} as now`));
  const today = Math.min(now.getTime(), database?.now ?? 0);
  const before = monthOf(new Date(today - retentionDays * DAY_MS));
  const deleteOld = async (table: string): Promise<number> => {
    let rows = 0;
    for (let deleted = BATCH; deleted === BATCH && !signal.aborted; rows += deleted) deleted = await deleteBatch(store, table, before);
    return rows;
  };
  let rows = 0;
  for (const table of BEFORE_MESSAGES) rows += await deleteOld(table);
  rows += await forgetBelongings(store, before, signal);
  if (signal.aborted) return;
  const partitions = await dropPartitions(store, before);
  // Those of the default partition.
  rows += await deleteOld('queries');
  if (partitions.length > 0 || rows > 0) log.info({ before, partitions, rows }, 'forgot old messages');
}

async function dropPartitions(store: Store, before: Date): Promise<string[]> {
  const names = await store.owner((tx) =>
    rowsOf<{ name: string }>(
      tx,
      sql`select relname as name from pg_inherits join pg_class on oid = inhrelid where inhparent = 'queries'::regclass order by relname`,
    ),
  );
  // Names sort as their months do.
  const old = names.map(({ name }) => name).filter((name) => /^queries_\d{4}_\d{2}$/.test(name) && name < nameOf(before));
  for (const name of old)
    await store.owner(async (tx) => {
      await changeQuickly(tx);
      await tx.execute(sql`drop table if exists ${sql.identifier(name)}`);
    });
  return old;
}

/** By place in the table, which needs no index; the time stands twice so that other partitions are not looked at. */
async function deleteBatch(store: Store, name: string, before: Date): Promise<number> {
  const table = sql.identifier(name);
  const old = sql`created_at < ${before.toISOString()}::timestamptz`;
  const deletion = (returned: SQL): SQL =>
    sql`delete from ${table} where ${old} and ctid = any(array(select ctid from ${table} where ${old} limit ${BATCH})) returning ${returned}`;
  if (name === 'customer_history') return store.background((tx) => forgetLines(tx, deletion(sql`tenant, customer_id`)));
  return (await store.background((tx) => rowsOf(tx, deletion(sql`1`)))).length;
}

/** What was counted of a history is out of date when lines of it are gone. A version that somebody changes at the moment is out of date anyway. */
async function forgetLines(tx: Transaction, deletion: SQL): Promise<number> {
  const [row] = await rowsOf<{ lines: number }>(
    tx,
    sql`
      with gone as (${deletion}), held as (
        select tenant, customer_id from customer_versions where (tenant, customer_id) in (select tenant, customer_id from gone) for update skip locked
      ), outdated as (
        delete from customer_versions v using held where v.tenant = held.tenant and v.customer_id = held.customer_id
      )
      select count(*)::int as lines from gone`,
  );
  return row?.lines ?? 0;
}
