import { errors, type JWTPayload, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Principal } from '../../lib/call.js';
import { Fault, kitFail } from '../../lib/errors.js';
import type { Authenticate } from '../../lib/server.js';
import { KEYS_MAX_AGE_MS, openTokenKeys } from './principalKeys.js';

export interface TokenRules {
  /** A file with a JSON Web Key Set, or its `https` URL (`http` on loopback alone). */
  readonly jwks: string;
  readonly issuer: string;
  readonly audience: string;
}

/** Clocks may differ by this much, seconds. Envoy's `clock_skew` is the same. */
const CLOCK_SKEW_S = 30;
/** Tokens whose signature was checked; ES256 costs about a tenth of a millisecond, and callers repeat theirs. */
const CHECKED_TOKENS = 10_000;

/**
 * Checks the bearer token of each call (RFC 7519, RFC 6750) and that it holds the scope that the contract asks for.
 * Envoy has checked it already; this is for callers that come straight to gRPC, and for the day Envoy is configured wrongly.
 */
export function tokenPrincipal(rules: TokenRules): Authenticate {
  const keys = openTokenKeys(rules.jwks);
  const checked = new LRUCache<string, { principal: Principal; goodUntilMs: number }>({ max: CHECKED_TOKENS });

  const verify = async (token: string): Promise<Principal> => {
    const known = checked.get(token);
    if (known && known.goodUntilMs > Date.now()) return known.principal;
    const { payload } = await jwtVerify(token, keys, {
      issuer: rules.issuer,
      clockTolerance: CLOCK_SKEW_S,
      requiredClaims: ['exp', 'sub'],
    }).catch((error: unknown) => {
      if (error instanceof Fault) throw error;
      return kitFail('TOKEN_INVALID', { problem: problemOf(error) });
    });
    const audiences = [payload.aud ?? []].flat();
    if (!audiences.includes(rules.audience)) return kitFail('TOKEN_FOREIGN', { audience: rules.audience });
    const principal = principalOf(payload);
    // No longer than its key: one that is taken back takes its tokens with it.
    checked.set(token, { principal, goodUntilMs: Math.min(payload.exp! * 1000, Date.now() + KEYS_MAX_AGE_MS) });
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
  if (typeof sub !== 'string' || sub.trim() === '') return kitFail('TOKEN_INVALID', { problem: 'it has no valid "sub" claim' });
  return { tenant, subject: sub, scopes: new Set(typeof scope === 'string' ? scope.split(' ').filter(Boolean) : []) };
}

function problemOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'it has expired';
  if (error instanceof errors.JWTClaimValidationFailed) return `its claim "${error.claim}" is not as expected`;
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWSSignatureVerificationFailed)
    return 'it is not signed by a known key';
  return 'it is malformed';
}
