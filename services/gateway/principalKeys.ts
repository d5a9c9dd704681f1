import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { createLocalJWKSet, createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose';
import { kitFail, StartError } from '../../lib/errors.js';

/** A key that the identity provider takes back counts no longer than this. Envoy's `cache_duration` is the same. */
export const KEYS_MAX_AGE_MS = 60_000;
/** A token of an unknown key makes the set be read again, so that keys change without a restart; not more often than this. */
const REREAD_MS = 2000;
const FETCH_TIMEOUT_MS = 3000;

const HAS_SCHEME = /^[a-z][a-z0-9+.-]+:\/\//i;
const SECURE_OR_LOOPBACK = /^(https:\/\/|http:\/\/(localhost|127\.0\.0\.1|\[::1\])([:/]|$))/i;

/**
 * The keys that tokens are signed with, from a file or a URL: read again when they are old, or when a token names one that is not there.
 * The function throws SERVICE_UNREACHABLE while they cannot be had. @throws StartError for a file that holds no key set, and for a URL that anybody could answer
 */
export function openTokenKeys(jwks: string): JWTVerifyGetKey {
  const isUrl = HAS_SCHEME.test(jwks);
  if (isUrl && !(SECURE_OR_LOOPBACK.test(jwks) && URL.canParse(jwks)))
    throw new StartError(`REPLYMESH_JWKS must be a file or an https URL (http on loopback alone); it is ${JSON.stringify(jwks)}.`);
  if (!isUrl) requireKeySet(jwks);
  const keys = createRemoteJWKSet(isUrl ? new URL(jwks) : pathToFileURL(jwks), {
    cacheMaxAge: KEYS_MAX_AGE_MS,
    cooldownDuration: REREAD_MS,
    timeoutDuration: FETCH_TIMEOUT_MS,
    ...(isUrl ? {} : { [customFetch]: async () => new Response(await readFile(jwks)) }),
  });
  return (header, token) =>
    keys(header, token).catch((error: unknown) => {
      if (isOfToken(error)) throw error;
      return kitFail('SERVICE_UNREACHABLE', { service: 'identity provider' });
    });
}

/** Whether the keys were had, but none fits what the token says of itself. */
const isOfToken = (error: unknown): boolean =>
  error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys || error instanceof errors.JOSENotSupported;

function requireKeySet(file: string): void {
  try {
    createLocalJWKSet(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    throw new StartError(`The key set ${file} cannot be read: ${(error as Error).message}. Set REPLYMESH_JWKS to a JSON Web Key Set.`);
  }
}
