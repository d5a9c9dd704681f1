import { createHash } from 'node:crypto';
import { type SQL, sql } from 'drizzle-orm';
import { type PgDatabase, PgDialect, type PgQueryResultHKT } from 'drizzle-orm/pg-core';
import type { Within } from '../../lib/call.js';
import { APP_ROLE, BACKGROUND_ROLE } from './columns.js';

/** A transaction, the same over node-postgres and PGlite. */
export type Transaction = PgDatabase<PgQueryResultHKT>;
type Work<T> = (tx: Transaction) => Promise<T>;

/** The database, whichever kind it is. */
export interface Store {
  /** Whether embeddings are pgvector's `vector` with an index; else they are `real[]` and compared one by one. */
  readonly vectors: boolean;
  /**
   * Runs `work` in one transaction that sees the rows of the caller's tenant only, and no longer than its deadline.
   * Keep it short: PGlite is one connection.
   * @throws Fault STORE_UNREACHABLE, StatementRefused, an AbortError when the caller is gone
   */
  within<T>(call: Within, work: Work<T>): Promise<T>;
  /**
   * The same, while nobody else is in here for this tenant, in any process: for what must not meet an erasure half-way, and for its audit log.
   * The lock is taken before the transaction reads anything, so that it sees all that others did.
   */
  alone<T>(call: Within, work: Work<T>): Promise<T>;
  /** The mesh's own work across tenants, on the tables that let the background role in. */
  background<T>(work: Work<T>): Promise<T>;
  /** Changes of the schema itself, such as another partition. Not for rows: no role, so that a superuser's row-level security is none. */
  owner<T>(work: Work<T>): Promise<T>;
  /** Tries to be the only one in all processes with this name. @returns undefined while another is @throws when the database does not answer */
  claim(name: string): Promise<Claim | undefined>;
  close(): Promise<void>;
}

/** Held until it is released, or lost with its connection: whoever goes on then may no longer be alone. */
export interface Claim {
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

/** Rows of a statement written by hand. Times come as text in raw rows: ask for `millis(column)` instead. */
export async function rowsOf<T>(tx: Transaction, statement: SQL): Promise<T[]> {
  return ((await tx.execute(statement)) as { rows: T[] }).rows;
}

const dialect = new PgDialect();

/**
 * The same where the statement is a hot one whose text does not change: each connection parses it once, and plans it no more once a plan for any values
 * is as good as those for the values at hand. Over partitions planning takes longer than running.
 */
export async function preparedRowsOf<T>(tx: Transaction, statement: SQL): Promise<T[]> {
  const query = dialect.sqlToQuery(statement);
  return ((await tx._.session.prepareQuery(query, undefined, nameOf(query.sql), false).execute()) as { rows: T[] }).rows;
}

const names = new Map<string, string>();
/** Another statement has another name, also that of another version behind the same pooler. */
function nameOf(text: string): string {
  const known = names.get(text);
  if (known !== undefined) return known;
  const name = `replymesh_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;
  names.set(text, name);
  return name;
}

/** A timestamp as milliseconds since 1970. */
export const millis = (column: string): SQL => sql.raw(`(extract(epoch from ${column}) * 1000)::float8`);

const literal = (value: string): string => `'${value.replaceAll("'", "''")}'`;

/**
 * Who a transaction is: the role is plain, so that row-level security binds it, and everything is `LOCAL`, so that nothing leaks through the pool.
 * @throws RangeError for a name that could not be quoted
 */
export function asTenant(tenant: string): string {
  if (tenant === '' || tenant.includes('\0') || tenant.includes('\\'))
    throw new RangeError('A tenant is a name without NUL and backslash.');
  return `SET LOCAL ROLE ${APP_ROLE}; SET LOCAL replymesh.tenant = ${literal(tenant)}`;
}
/** Waits for the tenant's turn, and keeps it until the transaction ends. */
export const turnOf = (tenant: string): string => `SELECT pg_advisory_xact_lock(hashtextextended(${literal(tenant)}, ${TURNS}))`;
/** Any number that is this lock's alone. */
const TURNS = 7_269_411_029;
export const asBackground = `SET LOCAL ROLE ${BACKGROUND_ROLE}`;

export const SESSION_SETTINGS = {
  // Vector search looks on past rows that row-level security hides, instead of returning too few (pgvector ≥ 0.8).
  'hnsw.iterative_scan': 'strict_order',
  // As many candidates as the longest ranking of a search holds; 40, the default, would be fewer.
  'hnsw.ef_search': '100',
  timezone: 'UTC',
  standard_conforming_strings: 'on',
  // No statement here is long enough to win back what compiling it costs: 60 ms of a summary's 90.
  jit: 'off',
} as const;
