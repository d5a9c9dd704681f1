import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Bundle } from '../gen/replymesh/v1/model_service.js';
import { freePort } from '../lib/freePort.js';
import { packageRoot } from '../lib/packageRoot.js';
import { writeTinyBundle } from '../services/inference/tinyBundle.fixture.js';
import { damage } from './bundles.js';
import { startTestMesh, type TestMesh } from './mesh.js';

// A command takes seconds on a machine that is busy with others, and one that opens a bundle takes more of them.
vi.setConfig({ testTimeout: 180_000 });

const MAIN = fileURLToPath(new URL('dist/cli/main.js', packageRoot));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let t: TestMesh;
let work: string;
/** Variables that lead a command to the mesh. */
let here: Record<string, string>;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'replymesh-bundles-'));
  const shipped = { REPLYMESH_BUNDLE_DIR: await writeTinyBundle(join(work, 'shipped')) };
  const patient = { REPLYMESH_DEADLINE_MS: '120000', REPLYMESH_INFERENCE_TIMEOUT_MS: '60000' };
  const frugal = { REPLYMESH_INFERENCE_WORKERS: '1', REPLYMESH_SEED: 'off' };
  t = await startTestMesh({ withEnvoy: false, env: { ...shipped, ...patient, ...frugal } });
  here = { ...shipped, REPLYMESH_GRPC_PORT: String(t.mesh.grpcPort), REPLYMESH_DATA_DIR: t.dataDir };
});
afterAll(async () => {
  await t?.stop();
  await rm(work, { recursive: true, force: true });
});

const models = (args: readonly string[], env = here): Promise<Ended> =>
  new Promise((resolve) => {
    const options = { env: { PATH: process.env['PATH'] ?? '', ...env } };
    execFile(process.execPath, [MAIN, 'models', ...args], options, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });

/** What a command that did its work says on stdout. */
async function done(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await models(args);
  expect([code, stderr]).toEqual([0, '']);
  return stdout;
}
const listed = async (): Promise<Bundle[]> => JSON.parse(await done('list', '--json')) as Bundle[];
const served = async (): Promise<string> => (await listed()).find((bundle) => bundle.served)!.digest;

/** Adds a bundle that differs from the one served first in its version alone. @returns its digest */
async function added(version: string): Promise<string> {
  const { code, stdout, stderr } = await models(['add', await writeTinyBundle(join(work, version), { version })]);
  expect([code, stderr]).toEqual([0, expect.stringMatching(/ 7\.\d\.\d was added\. Serve it with "models promote [0-9a-f]{12}"\.\n$/)]);
  expect(stdout).toMatch(/^[0-9a-f]{64}\n$/);
  return stdout.trim();
}
const short = (digest: string): string => digest.slice(0, 12);

describe('replymesh models', () => {
  it('lists the shipped bundle by its digest, names and label spaces, before there is any other', async () => {
    const [bundle, ...others] = await listed();
    expect(others).toEqual([]);
    expect(bundle).toMatchObject({ aliases: ['champion'], served: true, problem: '' });
    const [head, ...spaces] = (await done('list')).trimEnd().split('\n');
    expect(head).toBe(`${short(bundle!.digest)}  ${bundle!.name} ${bundle!.version}  champion, served`);
    expect(spaces).toContainEqual(expect.stringMatching(/^ {2}support +\d+ labels, accuracy \d+\.\d %$/));
  });

  it('has nothing to go back to before a promotion, and says what to do', async () => {
    expect(await models(['rollback'])).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^There was no other champion .*Promote/),
    });
  });

  it('adds a bundle as the challenger, serves it on command, and goes back', async () => {
    const first = await served();
    const second = await added('7.0.0');
    expect(await listed()).toContainEqual(expect.objectContaining({ digest: second, aliases: ['challenger'], served: false }));
    expect(await done('promote', 'challenger')).toMatch(new RegExp(`^${short(second)}  \\S+ 7\\.0\\.0  champion, served\n`));
    expect(await done('list')).toContain(`${short(second)}  `);
    expect(await served()).toBe(second);
    expect(await done('rollback')).toMatch(new RegExp(`^${short(first)}  .*  champion, served\n`));
    expect(await served()).toBe(first);
  });

  it('takes a bundle by the beginning of its digest or by name and version, and asks for more where two would do', async () => {
    const before = await listed();
    const { digest, name } = before.find((bundle) => bundle.version === '7.0.0')!;
    expect(await done('promote', short(digest))).toContain(' 7.0.0  champion, served\n');
    const other = before.find((bundle) => bundle.served)!;
    expect(await done('promote', `${name}@${other.version}`)).toContain(` ${other.version}  champion, served\n`);
    expect(await models(['promote', name])).toEqual({
      code: 1,
      stdout: '',
      stderr: `"${name}" names 2 bundles. Give more of the digest.\n`,
    });
  });

  it('refuses a digest or name that is not there, and says where to look', async () => {
    const before = await served();
    for (const named of ['f'.repeat(64), 'weather'])
      expect(await models(['promote', named])).toEqual({
        code: 1,
        stdout: '',
        stderr: `No bundle is called "${named}". "models list" tells what there is.\n`,
      });
    expect(await served()).toBe(before);
  });

  it('adds no bundle that is broken, and names the file', async () => {
    const before = await listed();
    const broken = await writeTinyBundle(join(work, 'broken'), { version: '7.1.0' });
    await damage(broken);
    expect(await models(['add', broken])).toEqual({
      code: 78,
      stdout: '',
      stderr: expect.stringMatching(/^Bundle \S+: trunk\.onnx: its SHA-256 is .*Fetch the bundle again\.\n$/),
    });
    expect(await models(['add', join(work, 'nowhere')])).toMatchObject({ code: 78, stderr: expect.stringContaining('nowhere') });
    expect(await listed()).toEqual(before);
  });

  it('serves no bundle that broke after it was added: the one before goes on, and the file is named', async () => {
    const before = await served();
    const digest = await added('7.2.0');
    await damage(join(t.dataDir, 'models', 'bundles', digest));
    expect(await models(['promote', short(digest)])).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/cannot be served, and the one before goes on: trunk\.onnx: its SHA-256 is/),
    });
    expect(await served()).toBe(before);
  });

  it('tells of a label space that is no longer served', async () => {
    const folder = await writeTinyBundle(join(work, '7.3.0'), { version: '7.3.0' });
    const file = join(folder, 'manifest.json');
    const manifest = JSON.parse(await readFile(file, 'utf8')) as { spaces: object[] };
    await writeFile(file, JSON.stringify({ ...manifest, spaces: [...manifest.spaces, { ...manifest.spaces[0], name: 'workshop' }] }));
    expect((await models(['add', folder])).code).toBe(0);
    expect(await done('promote', 'challenger')).toContain(' 7.3.0  champion, served');
    expect(await models(['rollback'])).toMatchObject({
      code: 0,
      stderr: 'It has no label space workshop, which was served until now: messages in it are refused.\n',
    });
  });

  it('names a damaged file of names and what to do, whichever command meets it', async () => {
    const file = join(t.dataDir, 'models', 'aliases.json');
    const whole = await readFile(file, 'utf8');
    await writeFile(file, whole.slice(0, -5));
    const problem = 'aliases.json is damaged: it is not JSON. Correct it, or remove it';
    for (const args of [['list'], ['promote', 'challenger'], ['rollback']])
      expect(await models(args)).toEqual({ code: 1, stdout: '', stderr: expect.stringContaining(problem) });
    expect(await models(['add', join(work, '7.0.0')])).toEqual({ code: 78, stdout: '', stderr: expect.stringContaining(problem) });
    await writeFile(file, whole);
    expect(await served()).toMatch(/^[0-9a-f]{64}$/);
  });

  it('reports every mistake of configuration at once', async () => {
    const wrong = { ...here, REPLYMESH_BUNDLE_DIR: join(work, 'nowhere'), REPLYMESH_MODELS_POLL_MS: 'often' };
    const { code, stdout, stderr } = await models(['add', work], wrong);
    expect([code, stdout]).toEqual([78, '']);
    expect(stderr).toMatch(/^2 mistakes: .*REPLYMESH_BUNDLE_DIR.*REPLYMESH_MODELS_POLL_MS/);
  });

  it('says how to start a mesh where none answers', async () => {
    const nowhere = { REPLYMESH_GRPC_PORT: String(await freePort()), REPLYMESH_DATA_DIR: join(work, 'empty') };
    expect(await models(['list'], nowhere)).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^No mesh answers at \S+\. Start one with "npm start"\.\n$/),
    });
  });
});
