import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { sql } from 'drizzle-orm';
import pg from 'pg';
import type { Environment } from '../lib/config.js';
import { masterKey } from '../services/context/masterKey.js';
import { openPostgres } from '../services/context/postgres.js';
import { rowsOf, type Store } from '../services/context/store.js';
import { startContext } from './contextProcess.js';
import { stolenShare } from './cpu.js';
import { behind, type Figure, seen, table } from './figure.js';
import { callFigures, uncachedFigures } from './memoryCalls.js';
import { relayFigures } from './relaySpeed.js';
import { searchFigures } from './searchSpeed.js';
import { fillRollUps, seedMemory } from './seedMemory.js';

export interface MemoryOptions {
  readonly rows: number;
  readonly passages: number;
  readonly seconds: number;
  readonly data: string;
  /** Whether the filled database stays, for the next time. */
  readonly keep?: boolean;
  /** A server with pgvector, where that of DATABASE_URL has none. */
  readonly searchDatabase?: string;
  readonly json?: boolean;
}

const DATABASE = 'replymesh_bench';
/** Of made-up messages alone, so that it may stand here: a database that was kept is read with it again. */
const KEY = createHash('sha256').update('replymesh bench').digest();
const TIMEOUT_MS = 600_000;

/** Fills a database of its own on the server of DATABASE_URL, and measures the context service on it. */
export async function memory(options: MemoryOptions, env: Environment, signal: AbortSignal, say: (line: string) => void): Promise<void> {
  const server = env['DATABASE_URL'] ?? '';
  const ticks = (): string => readFileSync('/proc/stat', 'utf8');
  const before = ticks();
  const figures: Figure[] = [
    ...(await storeFigures(options, server, env, say)),
    ...(await knowledgeFigures(options, server, env, signal, say)),
  ];
  const all = [...figures, seen('share of the processors’ time that the host took away', stolenShare(before, ticks()))];
  process.stdout.write(options.json ? `${JSON.stringify(all)}\n` : table(all, `${options.rows} messages, through gRPC`));
}

async function storeFigures(options: MemoryOptions, server: string, env: Environment, say: (line: string) => void): Promise<Figure[]> {
  const url = await makeDatabase(server, DATABASE);
  const store = await open(url);
  try {
    const seeding = await fill(store, url, options.rows, say);
    await requireRolledUp(store);
    const own = { DATABASE_URL: url, ...(env['REDIS_URL'] ? { REDIS_URL: env['REDIS_URL'], REPLYMESH_REDIS_PREFIX: 'bench:' } : {}) };
    const { rows, seconds } = options;
    const context = await startContext(KEY.toString('base64'), own);
    const calls = await callFigures({ context, store, rows, seconds }).finally(() => context.stop());
    // What is cached runs out before it could be asked for again.
    const uncached = await startContext(KEY.toString('base64'), { ...own, REPLYMESH_CONTEXT_CACHE_TTL_MS: '1' });
    calls.push(...(await uncachedFigures({ context: uncached, store, rows, seconds }).finally(() => uncached.stop())));
    const relayed = await relayFigures({ store, contentKey: KEY.toString('base64'), env: own, say });
    return [seen('seconds to fill the database', seeding), ...calls, ...relayed];
  } finally {
    await store.close();
    if (!options.keep) await dropDatabase(server, DATABASE);
  }
}

/** @returns seconds; undefined when it was filled before */
async function fill(store: Store, url: string, rows: number, say: (line: string) => void): Promise<number | undefined> {
  const noted = await store.owner((tx) => rowsOf<{ rows: string | null }>(tx, sql`select obj_description('queries'::regclass) as rows`));
  const known = noted[0]?.rows ?? null;
  if (known === String(rows)) return undefined;
  if (known !== null) throw new Error(`${DATABASE} holds ${known} messages: ask for --rows ${known}, or drop it.`);
  const started = performance.now();
  const timed = (line: string): void => say(`${((performance.now() - started) / 1000).toFixed(0)} s: ${line}`);
  const now = new Date();
  await seedMemory({ store, url, master: masterKey(KEY), rows, now, say: timed });
  await fillRollUps(store, now);
  // As after an upgrade they would be counted anew, and every figure taken beside that.
  await store.background((tx) => tx.execute(sql`update analytics_progress set recounting = false`));
  timed('roll-ups filled');
  await store.owner((tx) => tx.execute(sql.raw(`comment on table queries is '${rows}'`)));
  return (performance.now() - started) / 1000;
}

/** The product's own statements filled the roll-ups, month by month: that nothing is missing or twice is counted. */
async function requireRolledUp(store: Store): Promise<void> {
  const [row] = await store.background((tx) =>
    rowsOf<{ stored: number; hours: number; days: number }>(
      tx,
      sql`
        select (select count(*)::float8 from queries where created_at < now() - interval '1 day') as stored,
               (select sum(queries)::float8 from analytics_counts where grain = 'hour' and starts_at < date_trunc('hour', now() - interval '1 day')) as hours,
               (select sum(queries)::float8 from analytics_counts where grain = 'day' and starts_at < date_trunc('day', now() - interval '1 day')) as days`,
    ),
  );
  if (!row || row.hours > row.stored || row.days > row.hours || row.hours < 0.99 * row.stored)
    throw new Error(`The roll-ups tell of ${row?.hours} messages by hours and ${row?.days} by days, the table of ${row?.stored}.`);
}

async function knowledgeFigures(
  options: MemoryOptions,
  server: string,
  env: Environment,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<Figure[]> {
  const name = `${DATABASE}_search`;
  const place = options.searchDatabase ?? server;
  await dropDatabase(place, name);
  const url = await makeDatabase(place, name);
  const store = await open(url);
  try {
    if (!store.vectors)
      return behind('--search-database', [seen(`SearchKnowledge p99 over ${options.passages} passages, ms`, undefined, '≤ 15')]);
    return await searchFigures({ ...options, store, url, contentKey: KEY.toString('base64'), env, signal, say });
  } finally {
    await store.close();
    await dropDatabase(place, name);
  }
}

const open = (url: string): Promise<Store> => openPostgres({ url, connections: 4, statementTimeoutMs: TIMEOUT_MS, startTimeoutMs: 5000 });

async function onServer<T>(server: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(server);
  await client.connect();
  return work(client).finally(() => client.end());
}

/** @returns its URL; it may be there */
const makeDatabase = (server: string, name: string): Promise<string> =>
  onServer(server, async (client) => {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [name]);
    if (rowCount === 0) await client.query(`create database ${name}`);
    const url = new URL(server);
    url.pathname = `/${name}`;
    return url.href;
  });

const dropDatabase = (server: string, name: string): Promise<unknown> =>
  onServer(server, (client) => client.query(`drop database if exists ${name} with (force)`));
