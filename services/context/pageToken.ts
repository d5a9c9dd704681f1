import { createHash } from 'node:crypto';

/** What a page token is bound to: another tenant, list or filter makes it invalid. */
export interface PageScope {
  readonly tenant: string;
  readonly list: string;
  readonly filter: Readonly<Record<string, string | number | undefined>>;
}

/** Bytes of the scope's digest in a token. It keeps honest callers from mistakes; what a token can reach is the database's to say (row-level security). */
const DIGEST_BYTES = 9;

const digestOf = (scope: PageScope): string =>
  createHash('sha256')
    .update(JSON.stringify([scope.tenant, scope.list, Object.entries(scope.filter).sort(([a], [b]) => (a < b ? -1 : 1))]))
    .digest()
    .subarray(0, DIGEST_BYTES)
    .toString('base64url');

/** The token of the page after the row with this key. */
export const pageTokenOf = (scope: PageScope, key: readonly (string | number)[]): string =>
  Buffer.from(JSON.stringify([digestOf(scope), ...key])).toString('base64url');

/** The key in a token, or undefined when it was not made for this scope, or for no list at all. */
export function keyOf(scope: PageScope, token: string): (string | number)[] | undefined {
  const text = Buffer.from(token, 'base64url').toString();
  let parts: unknown;
  try {
    parts = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(parts) || parts.shift() !== digestOf(scope)) return undefined;
  const key: unknown[] = parts;
  // Tokens are not signed: what the database could not compare has been made up. Postgres' text cannot hold NUL.
  return key.every((part) => typeof part === 'number' || (typeof part === 'string' && !part.includes('\0')))
    ? (key as (string | number)[])
    : undefined;
}

/** The years 1 to 9999, as the contract's times: beyond them ISO 8601 has another form, which Postgres does not read. */
const EARLIEST_MS = Date.parse('0001-01-01T00:00:00Z');
const LATEST_MS = Date.parse('9999-12-31T23:59:59.999Z');

/** Whether a part of a key is a time, milliseconds since 1970. */
export const isTime = (part: string | number | undefined): part is number =>
  typeof part === 'number' && part >= EARLIEST_MS && part <= LATEST_MS;
