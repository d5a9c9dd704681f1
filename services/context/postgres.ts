import { drizzle } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import type { Within } from '../../lib/call.js';
import { StartError } from '../../lib/errors.js';
import { log } from '../../lib/log.js';
import { migrate } from './migrate.js';
import { claim } from './postgresClaim.js';
import { asBackground, asTenant, SESSION_SETTINGS, type Store, type Transaction, turnOf } from './store.js';
import { isUnreachable } from './storeFault.js';
import { transact } from './transact.js';

export interface PostgresOptions {
  readonly url: string;
  /** Most connections. */
  readonly connections: number;
  /** Longest time of one statement, milliseconds. */
  readonly statementTimeoutMs: number;
  /** How long the start waits for a database that does not answer, milliseconds. */
  readonly startTimeoutMs: number;
}

/** Time that a connection may take, and that a call waits for a free one, milliseconds. */
const CONNECT_TIMEOUT_MS = 2000;
const LOCK_TIMEOUT_MS = 2000;
const RETRY_MS = 250;

/** Opens Postgres: waits for it a bounded time, migrates it, and holds a pool that heals by itself. @throws StartError */
export async function openPostgres(options: PostgresOptions): Promise<Store> {
  const vectors = await migrateWhenThere(options);
  const pool = new pg.Pool({
    ...connection(options),
    max: options.connections,
    idleTimeoutMillis: 60_000,
    // The server's own limit does not help when the server is silent.
    query_timeout: options.statementTimeoutMs + 1000,
    lock_timeout: LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: options.statementTimeoutMs + 5000,
  });
  // An idle connection's error would end the process; the pool drops the connection by itself.
  pool.on('error', (error) => log.warn({ error }, 'an idle database connection was lost'));
  const within = async <T>(call: Within, work: (tx: Transaction) => Promise<T>, more = ''): Promise<T> => {
    call.signal.throwIfAborted();
    const leftMs = Math.max(1, Math.min(options.statementTimeoutMs, call.deadline.getTime() - Date.now()));
    try {
      return await transact(pool, `${asTenant(call.principal.tenant)}; SET LOCAL statement_timeout = ${leftMs}${more}`, call.signal, work);
    } catch (error) {
      call.signal.throwIfAborted();
      throw error;
    }
  };
  return {
    vectors,
    within: (call, work) => within(call, work),
    alone: (call, work) => within(call, work, `; ${turnOf(call.principal.tenant)}`),
    background: (work) => transact(pool, `${asBackground}; SET LOCAL statement_timeout = ${options.statementTimeoutMs}`, undefined, work),
    owner: (work) => transact(pool, `SET LOCAL statement_timeout = ${options.statementTimeoutMs}`, undefined, work),
    claim: (name) => claim(connection(options), name),
    close: () => pool.end(),
  };
}

const connection = (options: PostgresOptions): pg.ClientConfig => ({
  connectionString: options.url,
  connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  keepAlive: true,
  application_name: 'replymesh-context',
  options: Object.entries(SESSION_SETTINGS)
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(' '),
});

/** Migrates on a connection of its own; tries again while the server is not there yet. */
async function migrateWhenThere(options: PostgresOptions): Promise<boolean> {
  const giveUp = Date.now() + options.startTimeoutMs;
  for (;;) {
    const client = new pg.Client({ ...connection(options), lock_timeout: 60_000 });
    client.on('error', () => {});
    try {
      await client.connect();
      return await migrate(drizzle(client) as unknown as Transaction);
    } catch (error) {
      if (error instanceof StartError) throw error;
      if (!isUnreachable(error)) throw new StartError(whyRefused(options.url, error));
      if (Date.now() >= giveUp) throw new StartError(whySilent(options, error));
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    } finally {
      await client.end().catch(() => {});
    }
  }
}

/** Host and database, without user and password. */
function place(url: string): string {
  const { hostname, port, pathname } = new URL(url);
  return `${hostname || 'localhost'}:${port || 5432}${pathname}`;
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : error.cause ? codeOf(error.cause) : error.name;
}

const whySilent = (options: PostgresOptions, error: unknown): string =>
  `The database at ${place(options.url)} does not answer after ${options.startTimeoutMs / 1000} s (${codeOf(error)}). ` +
  'Start it or correct DATABASE_URL; without DATABASE_URL an embedded database is used.';

const CURES: Readonly<Record<string, string>> = {
  '28P01': 'The password is wrong: correct DATABASE_URL.',
  '28000': 'The user may not sign in: correct DATABASE_URL or pg_hba.conf.',
  '42P07': 'It holds tables of the same names that Replymesh did not make: name an empty database in DATABASE_URL.',
  '3D000': 'There is no such database: create it, or correct DATABASE_URL.',
  '42501':
    'The user may not change the schema: make it the owner of the database with CREATEROLE, or a member of replymesh_app and replymesh_background.',
};
const whyRefused = (url: string, error: unknown): string => {
  const code = codeOf(error);
  const message =
    error instanceof pg.DatabaseError || (error instanceof Error && error.cause instanceof pg.DatabaseError)
      ? ''
      : ` ${(error as Error).message}`;
  return `The database at ${place(url)} cannot be used (${code}). ${CURES[code] ?? `See its log.${message}`}`;
};
