import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from 'jose';
import type { Environment } from '../lib/config.js';
import { StartError } from '../lib/errors.js';
import { makeDataDir } from './dataDir.js';

/** Issuer and audience of the embedded default's tokens where the operator names no others; the gateway's defaults are the same. */
const ISSUER = 'https://replymesh.local';
const AUDIENCE = 'replymesh';
const ALGORITHM = 'ES256';

export interface TokenClaims {
  readonly subject: string;
  readonly tenant: string;
  readonly scopes: readonly string[];
  readonly ttlSeconds: number;
  /** Another audience than the mesh's, for tests. */
  readonly audience?: string;
}

export interface Keys {
  /** JSON Web Key Set with the public key, for Envoy and the gateway. */
  readonly jwksFile: string;
  readonly issuer: string;
  readonly audience: string;
  sign(claims: TokenClaims): Promise<string>;
}

/** The embedded default's own key pair: made once in `dataDir`, readable by its owner alone. An operator's identity provider takes its place by REPLYMESH_JWKS. @throws StartError */
export async function openKeys(dataDir: string, env: Environment): Promise<Keys> {
  const issuer = env['REPLYMESH_JWT_ISSUER'] || ISSUER;
  const ownAudience = env['REPLYMESH_JWT_AUDIENCE'] || AUDIENCE;
  const folder = join(dataDir, 'keys');
  const privateFile = join(folder, 'private.jwk.json');
  const jwksFile = join(folder, 'jwks.json');
  const jwk = (await readJwk(privateFile)) ?? (await makeJwk(dataDir, folder, privateFile, jwksFile));
  const key = await importJWK(jwk, ALGORITHM);
  return {
    jwksFile,
    issuer,
    audience: ownAudience,
    sign: ({ subject, tenant, scopes, ttlSeconds, audience = ownAudience }) =>
      new SignJWT({ tenant, scope: scopes.join(' ') })
        .setProtectedHeader({ alg: ALGORITHM, kid: jwk.kid! })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(subject)
        .setIssuedAt()
        .setExpirationTime(`${ttlSeconds}s`)
        .sign(key),
  };
}

async function readJwk(file: string): Promise<JWK | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as JWK;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new StartError(
      `The key ${file} cannot be read (${code ?? 'it is damaged'}). Set REPLYMESH_DATA_DIR to another folder, or remove this folder of keys to get new ones.`,
    );
  }
}

async function makeJwk(dataDir: string, folder: string, privateFile: string, jwksFile: string): Promise<JWK> {
  await makeDataDir(dataDir);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const pair = await generateKeyPair(ALGORITHM, { extractable: true });
  const publicJwk = await exportJWK(pair.publicKey);
  const kid = await calculateJwkThumbprint(publicJwk);
  const jwk: JWK = { ...(await exportJWK(pair.privateKey)), kid, alg: ALGORITHM };
  // The public half first: a private key on disk always has its set beside it.
  await writeAtomically(jwksFile, JSON.stringify({ keys: [{ ...publicJwk, kid, alg: ALGORITHM, use: 'sig' }] }), 0o644);
  await writeAtomically(privateFile, JSON.stringify(jwk), 0o600);
  return jwk;
}

async function writeAtomically(file: string, content: string, mode: number): Promise<void> {
  const part = `${file}.${process.pid}`;
  await writeFile(part, content, { mode });
  await rename(part, file);
}
