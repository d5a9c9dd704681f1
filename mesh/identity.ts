import { resolve } from 'node:path';
import type { KeySource } from '../envoy/render.js';
import type { Environment } from '../lib/config.js';
import type { Keys } from './keys.js';

/** Whose tokens the mesh takes: those of its embedded key, or of the operator's identity provider. */
export interface Identity {
  /** Whether the embedded key makes no token that is taken. */
  readonly foreign: boolean;
  readonly keys: KeySource;
  readonly issuer: string;
  readonly audience: string;
}

const IS_URL = /^[a-z][a-z0-9+.-]+:\/\//i;

/** What the operator's variables say, for Envoy and the gateway alike; what they leave open is the embedded default's. Issuer and audience hold for its own tokens too. */
export function identityOf(env: Environment, embedded: Keys): Identity {
  const jwks = env['REPLYMESH_JWKS'] || embedded.jwksFile;
  return {
    foreign: jwks !== embedded.jwksFile,
    keys: IS_URL.test(jwks) ? { url: jwks } : { file: resolve(jwks) },
    issuer: embedded.issuer,
    audience: embedded.audience,
  };
}

/** The same as variables of the gateway. */
export const identityEnv = ({ keys, issuer, audience }: Identity): Record<string, string> => ({
  REPLYMESH_JWKS: 'url' in keys ? keys.url : 'file' in keys ? keys.file : '',
  REPLYMESH_JWT_ISSUER: issuer,
  REPLYMESH_JWT_AUDIENCE: audience,
});
