import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ExportedQuery } from '../gen/replymesh/v1/customer_service.js';
import { packageRoot } from '../lib/packageRoot.js';
import { writeTinyBundle } from '../services/inference/tinyBundle.fixture.js';
import { startTestMesh, type TestMesh } from './mesh.js';

const MAIN = fileURLToPath(new URL('dist/cli/main.js', packageRoot));
const CUSTOMER = 'cus_shadowed';

let t: TestMesh;
let work: string;
let here: Record<string, string>;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'replymesh-challenger-'));
  const shipped = { REPLYMESH_BUNDLE_DIR: await withSpace(await writeTinyBundle(join(work, 'shipped')), { reference }) };
  const patient = { REPLYMESH_DEADLINE_MS: '120000', REPLYMESH_INFERENCE_TIMEOUT_MS: '60000', REPLYMESH_CONTEXT_TIMEOUT_MS: '60000' };
  const frugal = { REPLYMESH_INFERENCE_WORKERS: '1', REPLYMESH_SEED: 'off', REPLYMESH_MODELS_POLL_MS: '100' };
  const learning = { REPLYMESH_SHADOW_PERCENT: '100', REPLYMESH_DRIFT_LEAST_ROWS: '50' };
  t = await startTestMesh({ withEnvoy: false, env: { ...shipped, ...patient, ...frugal, ...learning } });
  here = { ...shipped, REPLYMESH_GRPC_PORT: String(t.mesh.grpcPort), REPLYMESH_DATA_DIR: t.dataDir };
});
afterAll(async () => {
  await t?.stop();
  await rm(work, { recursive: true, force: true });
});

/** A bundle that says something else of its only space. @returns its folder */
async function withSpace(folder: string, change: object): Promise<string> {
  const file = join(folder, 'manifest.json');
  const manifest = JSON.parse(await readFile(file, 'utf8')) as { spaces: object[] };
  await writeFile(file, JSON.stringify({ ...manifest, spaces: [{ ...manifest.spaces[0], ...change }] }));
  return folder;
}
/** As if the first had been fitted on messages about refunds alone; it reads every message here as one about cancelling. */
const reference = { rows: '1000', intentCounts: ['0', '500', '500'], confidenceQuantiles: new Array(101).fill(0.5) };
/** The second reads all of them otherwise. */
const labels = ['track_refund', 'cancel_order', 'get_refund'];
const replymesh = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
  new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { env: { PATH: process.env['PATH'] ?? '', ...here } }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
async function asked(): Promise<ExportedQuery[]> {
  const found: ExportedQuery[] = [];
  let pageToken = '';
  do {
    const page = await t.customers.exportCustomer({ customerId: CUSTOMER, pageToken });
    found.push(...page.queries);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return found;
}
const audited = async (): Promise<string[]> =>
  (await t.audit.listAuditRecords({})).records.map(({ action }) => action).filter((action) => action.startsWith('model.'));

it('a challenger reads live messages, is promoted when people’s labels show that it is better, and one command takes it back', async () => {
  const champion = (await t.models.listBundles({})).bundles[0]!.digest;
  const next = await withSpace(await writeTinyBundle(join(work, 'next'), { version: '2.0.0' }), { labels });
  const added = await replymesh('models', 'add', next);
  expect([added.code, added.stdout]).toEqual([0, expect.stringMatching(/^[0-9a-f]{64}\n$/)]);
  const challenger = added.stdout.trim();
  await expect.poll(() => t.output.join('\n'), { timeout: 60_000 }).toContain('a challenger reads messages beside the champion');
  for (let i = 0; i < 60; i += 1) {
    const { decision } = await t.queries.processQuery({ text: `Where is parcel number ${i * i}, and who has it?`, customerId: CUSTOMER });
    // Only the champion's answer is given.
    expect(decision?.evidence?.bundleDigest).toBe(champion);
  }
  const compared = () => t.monitoring.compareBundles({ champion, challenger });
  // What the models were too busy for is dropped.
  await expect.poll(async () => (await compared()).shadowed, { timeout: 60_000 }).toBeGreaterThan(40);

  const refused = await replymesh('models', 'promote', 'challenger', '--if-better');
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('Not promoted: of 0 labelled messages 0 tell the two apart')]);

  const disagreed = (await asked()).flatMap(({ query, shadowPredictions: [shadow] }) =>
    shadow && shadow.intent !== query?.decision?.intents[0]?.label ? [{ queryId: query!.id, correctedIntent: shadow.intent }] : [],
  );
  expect(disagreed.length).toBeGreaterThanOrEqual(10);
  for (const feedback of disagreed) await t.feedback.submitFeedback(feedback);
  expect(await compared()).toMatchObject({ challengerRight: disagreed.length, championRight: 0 });

  const promoted = await replymesh('models', 'promote', 'challenger', '--if-better');
  expect([promoted.code, promoted.stderr]).toEqual([0, expect.stringContaining('It is better')]);
  const ask = async () => (await t.queries.processQuery({ text: 'Where is it now?' })).decision?.evidence?.bundleDigest;
  expect(await ask()).toBe(challenger);
  await expect.poll(audited, { timeout: 30_000 }).toEqual(['model.promoted']);

  expect((await replymesh('models', 'rollback')).code).toBe(0);
  expect(await ask()).toBe(champion);
  await expect.poll(audited, { timeout: 30_000 }).toEqual(['model.rolled_back', 'model.promoted']);
  expect((await t.audit.verifyAuditLog({})).fault).toBeUndefined();
}, 300_000);

it('messages about other things than the bundle was fitted on are found to have drifted', async () => {
  const { code, stdout } = await replymesh('drift', 'check', '--window', '1h');
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^DRIFTED {2}support, tiny .*[\s\S]*predicted intents/)]);
  expect((await replymesh('drift', 'list', '--drifted')).stdout).toContain('DRIFTED  support');
}, 120_000);
