import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { Metadata, Status } from 'nice-grpc';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { MethodContract } from '../../lib/contract.js';
import { StartError } from '../../lib/errors.js';
import { tokenPrincipal } from './principal.js';

const ISSUER = 'https://id.example';
const rules = (jwks: string) => ({ jwks, issuer: ISSUER, audience: 'replymesh' });
const METHOD = { requiredScope: 'queries.read' } as MethodContract;

interface Signer {
  readonly jwk: JWK;
  token(claims?: Record<string, unknown>): Promise<string>;
}
async function newSigner(kid: string): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const claimsOf = (more: object) => ({ sub: 'ada', tenant: 'demo', scope: 'queries.read', iss: ISSUER, aud: 'replymesh', ...more });
  const token = (claims: Record<string, unknown> = {}) =>
    new SignJWT(claimsOf(claims)).setProtectedHeader({ alg: 'ES256', kid }).setExpirationTime('1h').sign(privateKey);
  return { jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256' }, token };
}
const setOf = (...signers: readonly Signer[]): string => JSON.stringify({ keys: signers.map(({ jwk }) => jwk) });

let folder: string;
let file: string;
let provider: Server;
let served: () => { status: number; body: string };
let url: string;
let a: Signer;
let b: Signer;
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  [a, b] = [await newSigner('a'), await newSigner('b')];
  folder = await mkdtemp(join(tmpdir(), 'keys-'));
  file = join(folder, 'jwks.json');
  await writeFile(file, setOf(a));
  served = () => ({ status: 200, body: setOf(a) });
  provider = createServer((_, response) => {
    const { status, body } = served();
    response.writeHead(status).end(body);
  });
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/jwks`;
});
afterEach(async () => {
  vi.useRealTimers();
  provider.close();
  provider.closeAllConnections();
  await rm(folder, { recursive: true });
});

const check = async (authenticate: ReturnType<typeof tokenPrincipal>, token: string) =>
  authenticate(Metadata({ authorization: `Bearer ${token}` }), METHOD);
const invalid = { code: Status.UNAUTHENTICATED, reason: 'TOKEN_INVALID' };

describe.each(['file', 'url'] as const)('keys from a %s', (kind) => {
  const open = () => tokenPrincipal(rules(kind === 'file' ? file : url));
  const publish = async (...signers: readonly Signer[]) => {
    await writeFile(file, setOf(...signers));
    served = () => ({ status: 200, body: setOf(...signers) });
  };
  const later = (ms: number) => vi.setSystemTime(Date.now() + ms);

  it('say who calls', async () => {
    expect(await check(open(), await a.token())).toMatchObject({ tenant: 'demo', subject: 'ada' });
  });

  it('are read again when a token names another one, though not for every such token', async () => {
    const authenticate = open();
    await check(authenticate, await a.token());
    await publish(a, b);
    await expect(check(authenticate, await b.token())).rejects.toMatchObject(invalid);
    later(3000);
    expect(await check(authenticate, await b.token())).toMatchObject({ subject: 'ada' });
  });

  it('count no longer than a minute after they were taken back, for tokens seen before too', async () => {
    const authenticate = open();
    const token = await a.token();
    await check(authenticate, token);
    await publish(b);
    later(61_000);
    await expect(check(authenticate, token)).rejects.toMatchObject(invalid);
  });
});

describe('an identity provider', () => {
  it.each<[how: string, answer: () => { status: number; body: string }]>([
    ['that answers 500', () => ({ status: 500, body: '' })],
    ['that answers with a page', () => ({ status: 200, body: '<html>' })],
    ['that answers with something else', () => ({ status: 200, body: '{}' })],
  ])('%s is away, and no token is called bad for it', async (_, answer) => {
    served = answer;
    const authenticate = tokenPrincipal(rules(url));
    const refused = { code: Status.UNAVAILABLE, reason: 'SERVICE_UNREACHABLE', details: expect.stringContaining('identity provider') };
    await expect(check(authenticate, await a.token())).rejects.toMatchObject(refused);
    served = () => ({ status: 200, body: setOf(a) });
    expect(await check(authenticate, await a.token())).toMatchObject({ subject: 'ada' });
  });

  it('that is not there is away', async () => {
    await new Promise((resolve) => provider.close(resolve));
    await expect(check(tokenPrincipal(rules(url)), await a.token())).rejects.toMatchObject({ reason: 'SERVICE_UNREACHABLE' });
  });

  it.each(['http://id.example/jwks', 'http://127.0.0.1.id.example/jwks', 'ftp://id.example/jwks', 'https://', 'nowhere.json'])(
    'is not asked for keys at %s',
    (jwks) => {
      expect(() => tokenPrincipal(rules(jwks))).toThrow(StartError);
    },
  );
});

describe('a token', () => {
  it.each<[what: string, claims: Record<string, unknown>]>([
    ['without a subject', { sub: undefined }],
    ['with an empty subject', { sub: '' }],
    ['with a number for a subject', { sub: 7 }],
    ['with a list for a subject', { sub: ['ada'] }],
    ['without a tenant', { tenant: undefined }],
    ['of an issuer with another slash', { iss: `${ISSUER}/` }],
  ])('%s is not valid', async (_, claims) => {
    await expect(check(tokenPrincipal(rules(file)), await a.token(claims))).rejects.toMatchObject(invalid);
  });

  it('of another audience is foreign, and of a signature that no key made is not valid', async () => {
    const authenticate = tokenPrincipal(rules(file));
    await expect(check(authenticate, await a.token({ aud: 'other' }))).rejects.toMatchObject({ reason: 'TOKEN_FOREIGN' });
    await expect(check(authenticate, await (await newSigner('a')).token())).rejects.toMatchObject(invalid);
  });
});
