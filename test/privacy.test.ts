import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { type ClientError, Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Degradation } from '../gen/replymesh/type/v1/decision.js';
import { packageRoot } from '../lib/packageRoot.js';
import { writeTinyBundle } from '../services/inference/tinyBundle.fixture.js';
import { startTestMesh, type TestMesh } from './mesh.js';

// The last tests start a mesh for the second time.
vi.setConfig({ testTimeout: 180_000 });

const MAIN = fileURLToPath(new URL('dist/cli/main.js', packageRoot));
const MARK = 'zanzibarian umbrella';

let work: string;
let dataDir: string;
let env: Record<string, string>;
let t: TestMesh;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'replymesh-privacy-'));
  env = {
    REPLYMESH_BUNDLE_DIR: await writeTinyBundle(join(work, 'bundle')),
    REPLYMESH_INFERENCE_WORKERS: '1',
    REPLYMESH_REVIEW_SAMPLE: '1',
  };
  dataDir = join(work, 'data');
  // As a retraining leaves it that was killed.
  const left = join(dataDir, 'models', 'retraining', 'own');
  await mkdir(left, { recursive: true, mode: 0o700 });
  await writeFile(join(left, 'train.csv'), `text,label\n${MARK},lost_parcel\n`);
  t = await startTestMesh({ env, dataDir });
});
afterAll(async () => {
  await t?.stop();
  await rm(work, { recursive: true, force: true });
});

const replymesh = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
  new Promise((resolve) => {
    const there = { REPLYMESH_GRPC_PORT: String(t.mesh.grpcPort), REPLYMESH_DATA_DIR: dataDir };
    const options = { env: { PATH: process.env['PATH'] ?? '', ...there, REPLYMESH_TOKEN: t.token } };
    execFile(process.execPath, [MAIN, ...args], options, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
const ask = async (customerId: string, text = `Where is my ${MARK}?`) => (await t.queries.processQuery({ text, customerId })).decision!;

/** Files of the mesh that hold the customer's words. */
async function traces(): Promise<string[]> {
  const found: string[] = [];
  for (const name of await readdir(dataDir, { recursive: true })) {
    const path = join(dataDir, name);
    const bytes = await stat(path).then(
      (s) => (s.isFile() ? readFile(path) : undefined),
      () => undefined,
    );
    if (bytes?.includes(MARK)) found.push(name);
  }
  return found;
}

describe('what an agent writes into a reply', () => {
  it('is masked before it is stored, over REST as over gRPC, and goes with the customer', async () => {
    const { id } = await ask('cus_edited');
    const { status, json } = await t.rest('GET', '/v1/reviews?pageSize=200&unclaimed=true');
    const listed = (json as { reviews: { query: { id: string } }[] }).reviews;
    expect([status, listed.some(({ query }) => query.id === id)]).toEqual([200, true]);
    expect((await t.rest('POST', `/v1/reviews/${id}:claim`, { lease: '60s' })).json).toMatchObject({ review: { claimedBy: 'test' } });
    const editedReply = 'Write to ada@example.com or call +49 30 901820, dear customer.';
    const body = { outcome: 'REVIEW_OUTCOME_EDITED', editedReply, label: 'out_of_scope' };
    const resolved = await t.rest('POST', `/v1/reviews/${id}:resolve`, body, { 'idempotency-key': 'once' });
    const review = { editedReply: 'Write to {{EMAIL_1}} or call {{PHONE_1}}, dear customer.', label: 'out_of_scope', resolvedBy: 'test' };
    expect(resolved).toMatchObject({ status: 200, json: { review } });
    expect((await t.reviews.getReview({ queryId: id })).review).toMatchObject(review);
    expect((await t.rest('POST', `/v1/reviews/${id}:resolve`, body, { 'idempotency-key': 'once' })).json).toEqual(resolved.json);
    const { status: refused, json: error } = await t.rest('POST', `/v1/reviews/${id}:resolve`, body);
    expect([refused, error]).toMatchObject([400, { details: [{ reason: 'REVIEW_RESOLVED' }] }]);
    await t.customers.eraseCustomer({ customerId: 'cus_edited' });
    expect((await t.rest('GET', `/v1/reviews/${id}`)).status).toBe(404);
  });
});

describe('what a customer wrote', () => {
  it('is given as one JSON document, over REST and by a command', async () => {
    const { id } = await ask('cus_ada');
    await t.feedback.submitFeedback({ queryId: id, satisfaction: 2, correctedIntent: `my ${MARK}, card 4111111111111111` });
    const { code, stdout, stderr } = await replymesh('customer', 'export', 'cus_ada');
    const exported = JSON.parse(stdout) as {
      profile: { displayName: string };
      queries: { query: { id: string; text: string }; feedback: object[] }[];
    };
    expect([code, exported.profile.displayName]).toEqual([0, 'Ada Mensah']);
    expect(stderr).toMatch(/^\d+ lines of history, 1 messages\.$/m);
    expect(exported.queries).toMatchObject([
      { query: { id, text: `Where is my ${MARK}?` }, feedback: [{ satisfaction: 2, correctedIntent: `my ${MARK}, card {{CARD_1}}` }] },
    ]);
    if (!t.mesh.httpUrl) return;
    const first = (await t.rest('GET', '/v1/customers/cus_ada:export')).json as { profile: { id: string }; nextPageToken: string };
    const second = (await t.rest('GET', `/v1/customers/cus_ada:export?pageToken=${first.nextPageToken}`)).json as { queries: object[] };
    expect([first.profile.id, second.queries.length]).toEqual(['cus_ada', 1]);
  });

  it('stands on no disk in the clear, unless the database could not take it yet', async () => {
    expect(await traces()).toEqual([]);
    const context = t.mesh.programs.get('context')!;
    context.kill('SIGSTOP');
    const decision = await ask('cus_ada').finally(() => context.kill('SIGCONT'));
    expect(decision.degraded).toContain(Degradation.RECORD_SPOOLED);
  });

  it('is erased everywhere, also where it waits, with a receipt; the log of what was done still verifies', async () => {
    const refused = await replymesh('customer', 'erase', 'cus_ada');
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('--yes')]);
    const { code, stdout } = await replymesh('customer', 'erase', 'cus_ada', '--yes', '--request-id', 'e-1');
    expect(code).toBe(0);
    for (const place of ['customer_keys', 'queries', 'customers', 'cache', 'gateway_spool', 'audit_log'])
      expect(stdout).toMatch(new RegExp(`^ +\\d+ {2}${place}$`, 'm'));
    await expect.poll(traces).toEqual([]);
    expect((await t.queries.listQueries({ customerId: 'cus_ada' })).queries).toEqual([]);
    const verdict = await replymesh('audit', 'verify');
    expect([verdict.code, verdict.stdout]).toEqual([0, expect.stringMatching(/^All \d+ records hold\./)]);
    const listed = await replymesh('audit', 'list', '--action', 'customer.erased');
    expect(listed.stdout).toMatch(/ {2}test {2}customer\.erased {2}cus_ada {2}.*queries=\d/);
  });

  it('is not called erased or exported where an id is misspelt', async () => {
    const nothing = 'Nothing is held about a customer with the id cus_adda.';
    const exported = await replymesh('customer', 'export', 'cus_adda');
    expect([exported.code, exported.stderr, JSON.parse(exported.stdout)]).toMatchObject([0, `${nothing}\n`, { customerId: 'cus_adda' }]);
    const erased = await replymesh('customer', 'erase', 'cus_adda', '--yes');
    expect([erased.code, erased.stdout.startsWith(`${nothing} `), erased.stdout.includes('was erased')]).toEqual([0, true, false]);
  });

  it('after that is the first message of somebody new', async () => {
    const { id } = await ask('cus_ada', 'Where is my parcel?');
    expect((await t.queries.listQueries({ customerId: 'cus_ada' })).queries.map((q) => q.id)).toEqual([id]);
    expect(JSON.parse((await replymesh('customer', 'erase', 'cus_ada', '--yes', '--request-id', 'e-1', '--json')).stdout)).toMatchObject({
      customerId: 'cus_ada',
    });
    expect((await t.queries.listQueries({ customerId: 'cus_ada' })).queries.map((q) => q.id)).toEqual([id]);
  });

  it('is nobody’s to export or erase without the scope', async () => {
    const codeOf = (call: Promise<unknown>) =>
      call.then(
        () => 'done',
        (error: unknown) => (error as ClientError).code,
      );
    const reader = await t.as('demo', ['queries.read', 'audit.read']);
    expect(await codeOf(t.customers.exportCustomer({ customerId: 'cus_ben' }, reader))).toBe(Status.PERMISSION_DENIED);
    expect(await codeOf(t.customers.eraseCustomer({ customerId: 'cus_ben' }, reader))).toBe(Status.PERMISSION_DENIED);
    expect(await codeOf(t.audit.verifyAuditLog({}, await t.as('demo', ['customers.erase'])))).toBe(Status.PERMISSION_DENIED);
  });
});

describe('a log of what was done that somebody touched', () => {
  it('is found out by the command, which names the record', async () => {
    await t.mesh.stop();
    const db = await PGlite.create({ dataDir: join(dataDir, 'context'), extensions: { vector } });
    await db.exec("update audit_log set actor = 'nobody' where tenant = 'demo' and position = 2");
    await db.close();
    const before = t;
    t = await startTestMesh({ env, dataDir, withEnvoy: false });
    const { code, stdout } = await replymesh('audit', 'verify');
    expect([code, stdout]).toEqual([1, expect.stringMatching(/^Record 2 was changed: .*\n {2}2 {2}\S+ {2}nobody {2}/)]);
    const { code: jsonCode, stdout: json } = await replymesh('audit', 'verify', '--json');
    expect([jsonCode, JSON.parse(json)]).toMatchObject([
      1,
      { ok: false, recordCount: 1, fault: { position: 2, problem: 'AUDIT_PROBLEM_CHANGED' } },
    ]);
    await before.stop();
  });

  it('does not start with another content key than the one that it was made with', async () => {
    await t.mesh.stop();
    await rm(join(dataDir, 'keys', 'content.key'));
    await expect(startTestMesh({ env, dataDir, withEnvoy: false })).rejects.toThrow(
      /is not the one that this database was encrypted with.*REPLYMESH_CONTENT_KEY_FILE/s,
    );
  });
});
