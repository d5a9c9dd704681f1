import { DrizzleQueryError } from 'drizzle-orm';
import { fault } from '../errors.js';

/** The database refused a statement. Shows what kind of refusal, never the statement's values. */
export class StatementRefused extends Error {
  override readonly name = 'StatementRefused';
  constructor(
    readonly sqlState: string,
    readonly constraint: string | undefined,
  ) {
    super(`The database refused a statement (SQLSTATE ${sqlState}${constraint ? `, constraint ${constraint}` : ''}).`);
  }
}

const NODE_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ECONNABORTED',
  'ENOENT',
]);
/**
 * Classes of SQLSTATE that say "not now": connection (08), resources (53), operator intervention (57: shutdown, start-up, a statement that ran too long),
 * lock not available (55P03), serialisation and deadlock (40). Source: PostgreSQL manual, appendix A.
 */
const NOT_NOW = /^(08|53|57|55P03|40)/;
/** node-postgres' own errors have no code. */
const PG_CLIENT =
  /^(Connection terminated|Query read timeout|timeout exceeded when trying to connect|timeout expired|Client has encountered a connection error|Client was closed|Cannot use a pool after)/;

/** Whether the database could not answer, as against refused. */
export function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !NODE_CODES.has(code)) return NOT_NOW.test(code);
  if (typeof code === 'string' && NODE_CODES.has(code)) return true;
  if (error.name === 'RuntimeError' || PG_CLIENT.test(error.message)) return true;
  if (error instanceof AggregateError) return error.errors.some(isUnreachable);
  return error.cause !== undefined && isUnreachable(error.cause);
}

/** Data exceptions: a value of the request is none that the database can hold or compare. Source: PostgreSQL manual, appendix A. */
const BAD_VALUE = /^22/;

/**
 * What a handler may throw on: STORE_UNREACHABLE; VALUE_REFUSED, which is the caller's mistake and so opens nobody's breaker; a refusal
 * without values; or the error itself when it is none of the database's.
 */
export function withoutValues(error: unknown): unknown {
  if (isUnreachable(error)) return fault('STORE_UNREACHABLE', {});
  const own = databaseError(error);
  if (own && BAD_VALUE.test(own.code)) return fault('VALUE_REFUSED', { sql_state: own.code });
  return own ? new StatementRefused(own.code, own.constraint) : error;
}

function databaseError(error: unknown): { code: string; constraint: string | undefined } | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, constraint, severity } = error as { code?: unknown; constraint?: unknown; severity?: unknown };
  if (typeof code === 'string' && typeof severity === 'string')
    return { code, constraint: typeof constraint === 'string' ? constraint : undefined };
  // drizzle wraps the database's error in one whose message holds the parameters.
  return databaseError(error.cause) ?? (error instanceof DrizzleQueryError ? { code: 'unknown', constraint: undefined } : undefined);
}
