import { readFileSync } from 'node:fs';
import { createLocalJWKSet, createRemoteJWKSet, errors, type JSONWebKeySet, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Principal } from '../../lib/call.js';
import { kitFail, StartError } from '../../lib/errors.js';
import type { Authenticate } from '../../lib/server.js';

export interface TokenRules {
  /** A file with a JSON Web Key Set, or its `https` URL. */
  readonly jwks: string;
  readonly issuer: string;
  readonly audience: string;
}

/** Clocks may differ by this much, seconds. Envoy's `clock_skew` is the same. */
const CLOCK_SKEW_S = 30;
/** Tokens whose signature was checked; ES256 costs about a tenth of a millisecond, and callers repeat theirs. */
const CHECKED_TOKENS = 10_000;

/** Opens the keys. @throws StartError when the file cannot be read */
function keysOf(jwks: string): JWTVerifyGetKey {
  if (/^https?:\/\//.test(jwks)) return createRemoteJWKSet(new URL(jwks));
  try {
    return createLocalJWKSet(JSON.parse(readFileSync(jwks, 'utf8')) as JSONWebKeySet);
  } catch (error) {
    throw new StartError(`The key set ${jwks} cannot be read: ${(error as Error).message}. Set REPLYMESH_JWKS to a JSON Web Key Set.`);
  }
}

/**
 * Checks the bearer token of each call (RFC 7519, RFC 6750) and that it holds the scope that the contract asks for.
 * Envoy has checked it already; this is for callers that come straight to gRPC, and for the day Envoy is configured wrongly.
 */
export function tokenPrincipal(rules: TokenRules): Authenticate {
  const keys = keysOf(rules.jwks);
  const checked = new LRUCache<string, { principal: Principal; expiresAtMs: number }>({ max: CHECKED_TOKENS });

  const verify = async (token: string): Promise<Principal> => {
    const known = checked.get(token);
    if (known && known.expiresAtMs > Date.now()) return known.principal;
    const { payload } = await jwtVerify(token, keys, {
      issuer: rules.issuer,
      clockTolerance: CLOCK_SKEW_S,
      requiredClaims: ['exp', 'sub'],
    }).catch((error: unknown) => kitFail('TOKEN_INVALID', { problem: problemOf(error) }));
    const audiences = [payload.aud ?? []].flat();
    if (!audiences.includes(rules.audience)) return kitFail('TOKEN_FOREIGN', { audience: rules.audience });
    const principal = principalOf(payload);
    checked.set(token, { principal, expiresAtMs: payload.exp! * 1000 });
    return principal;
  };

  return async (metadata, method) => {
    const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(metadata.get('authorization') ?? '')?.[1];
    if (!token)
      return metadata.get('authorization') ? kitFail('TOKEN_INVALID', { problem: 'it is not a bearer JWT' }) : kitFail('TOKEN_MISSING', {});
    const principal = await verify(token);
    if (!method.requiredScope || !principal.scopes.has(method.requiredScope)) {
      return kitFail('SCOPE_MISSING', { scope: method.requiredScope ?? 'of an internal service' });
    }
    return principal;
  };
}

function principalOf(payload: JWTPayload): Principal {
  const { sub, tenant, scope } = payload;
  if (typeof tenant !== 'string' || !/^[a-z0-9][a-z0-9-]{0,62}$/.test(tenant))
    return kitFail('TOKEN_INVALID', { problem: 'it has no valid "tenant" claim' });
  return { tenant, subject: sub!, scopes: new Set(typeof scope === 'string' ? scope.split(' ').filter(Boolean) : []) };
}

function problemOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'it has expired';
  if (error instanceof errors.JWTClaimValidationFailed) return `its claim "${error.claim}" is not as expected`;
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWSSignatureVerificationFailed)
    return 'it is not signed by a known key';
  return 'it is malformed';
}
