import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { type ClientError, createChannel, createClient, Metadata, Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { QueryServiceDefinition } from '../gen/replymesh/v1/query_service.js';
import { freePort } from '../lib/freePort.js';
import { packageRoot } from '../lib/packageRoot.js';
import { startTestMesh, type TestMesh } from './mesh.js';

const NAMES = { REPLYMESH_JWT_ISSUER: 'https://id.example', REPLYMESH_JWT_AUDIENCE: 'shop' };

/** An identity provider of the operator's own: its key set as a file and over HTTP. */
async function startProvider() {
  const folder = await mkdtemp(join(tmpdir(), 'provider-'));
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'own', alg: 'ES256', use: 'sig' }] });
  const file = join(folder, 'jwks.json');
  await writeFile(file, keys);
  const server = createServer((_, response) => response.end(keys)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    file,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`,
    token: () =>
      new SignJWT({ tenant: 'demo', scope: 'queries.read' })
        .setProtectedHeader({ alg: 'ES256', kid: 'own' })
        .setIssuer(NAMES.REPLYMESH_JWT_ISSUER)
        .setAudience(NAMES.REPLYMESH_JWT_AUDIENCE)
        .setSubject('ada')
        .setExpirationTime('10m')
        .sign(privateKey),
    close: async () => {
      server.close();
      server.closeAllConnections();
      await rm(folder, { recursive: true });
    },
  };
}

let provider: Awaited<ReturnType<typeof startProvider>>;
beforeAll(async () => {
  provider = await startProvider();
});
afterAll(() => provider?.close());

describe.each(['file', 'url'] as const)('with an identity provider of the operator’s own, known by its %s', (kind) => {
  let t: TestMesh;
  beforeAll(async () => {
    t = await startTestMesh({ env: { ...NAMES, REPLYMESH_JWKS: provider[kind] } });
  });
  afterAll(() => t?.stop());

  const overRest = async (token: string) => (await t.rest('GET', '/v1/queries', undefined, { authorization: `Bearer ${token}` })).status;
  const overGrpc = async (token: string): Promise<Status> => {
    const channel = createChannel(`127.0.0.1:${t.mesh.grpcPort}`);
    const metadata = Metadata({ authorization: `Bearer ${token}` });
    try {
      await createClient(QueryServiceDefinition, channel).listQueries({}, { metadata });
      return Status.OK;
    } catch (error) {
      return (error as ClientError).code;
    } finally {
      channel.close();
    }
  };

  it('its tokens are taken at the edge and at the gateway, and those of the embedded key are not', async () => {
    const own = await provider.token();
    expect([await overRest(own), await overGrpc(own)]).toEqual([200, Status.OK]);
    const embedded = await t.mesh.keys.sign({ subject: 'x', tenant: 'demo', scopes: ['queries.read'], ttlSeconds: 60 });
    expect([await overRest(embedded), await overGrpc(embedded)]).toEqual([401, Status.UNAUTHENTICATED]);
  });
});

/** What `npm start` says until it is ready. */
async function readyLines(env: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'start-'));
  const ports = { REPLYMESH_HTTP_PORT: String(await freePort()), REPLYMESH_GRPC_PORT: String(await freePort()) };
  const main = fileURLToPath(new URL('dist/cli/main.js', packageRoot));
  const child = spawn(process.execPath, [main, 'start'], {
    env: { PATH: process.env['PATH'], ...ports, REPLYMESH_NO_ENVOY: '1', REPLYMESH_DATA_DIR: folder, ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let said = '';
  for await (const part of child.stdout) {
    said += String(part);
    if (said.includes('ProcessQuery')) break;
  }
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
  await rm(folder, { recursive: true, force: true });
  return said;
}

describe('the lines of a start', () => {
  it('hold no token where the embedded key’s are not taken, and say whose it has to be', async () => {
    const said = await readyLines({ ...NAMES, REPLYMESH_JWKS: provider.file });
    expect(said).toContain('a token of your identity provider: issuer https://id.example, audience shop');
    expect(said).not.toMatch(/Bearer ey/);
  });

  it('hold a token of the embedded key with the issuer and audience that the operator names', async () => {
    const token = /Bearer (\S+)"/.exec(await readyLines(NAMES))?.[1] ?? '';
    expect(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())).toMatchObject({
      iss: 'https://id.example',
      aud: 'shop',
    });
  });
});
