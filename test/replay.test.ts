import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Action, Degradation, ReplyOrigin } from '../gen/replymesh/type/v1/decision.js';
import { IntentMode, Policy } from '../gen/replymesh/type/v1/policy.js';
import { ReplayObstacle, ReplayStatus } from '../gen/replymesh/v1/query_service.js';
import { packageRoot } from '../lib/packageRoot.js';
import shippedPolicy from '../services/gateway/policy.json' with { type: 'json' };
import { openBundle } from '../services/inference/bundle.js';
import { writeTinyBundle } from '../services/inference/tinyBundle.fixture.js';
import { type LlmServer, startLlmServer } from './llmServer.js';
import { startTestMesh, type TestMesh } from './mesh.js';

const MAIN = fileURLToPath(new URL('dist/cli/main.js', packageRoot));
const POLICY = Policy.fromJSON(shippedPolicy);

let llm: LlmServer;
let t: TestMesh;
beforeAll(async () => {
  llm = await startLlmServer();
  t = await startTestMesh({ env: { REPLYMESH_LLM_BASE_URL: llm.baseUrl, REPLYMESH_LLM_MODEL: 'test-model' } });
});
afterAll(async () => {
  await t?.stop();
  await llm?.close();
});

const ask = async (text: string, customerId = 'cus_ada') => (await t.queries.processQuery({ text, customerId })).decision!;
/** As a stream, whose sentences are made one by one. */
async function askStreaming(text: string) {
  for await (const { event } of t.queries.streamQuery({ query: { text, customerId: 'cus_ada' } }))
    if (event?.$case === 'decision') return event.value;
  return expect.unreachable();
}
const replay = (id: string, policy?: Policy) => t.queries.replayQuery({ id, policy });
const replymesh = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
  new Promise((resolve) => {
    const env = { REPLYMESH_GRPC_PORT: String(t.mesh.grpcPort), REPLYMESH_DATA_DIR: t.dataDir, REPLYMESH_TOKEN: t.token };
    execFile(process.execPath, [MAIN, ...args], { env: { PATH: process.env['PATH'] ?? '', ...env } }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });

describe('a recorded decision', () => {
  it('is made again to the byte, whoever wrote the reply and however it went, without the language model', async () => {
    const asked = [
      await ask('How long does delivery take? My e-mail is zanzi@mail.example.com'),
      await ask('My name is Maria Schneider and I live in Hamburg. How long does delivery take?'),
      await askStreaming('How long does delivery take?'),
      await ask('I want to talk to a person'),
      await ask('What is the capital of France?', ''),
    ];
    llm.script(
      { chunks: ['We have sent you 999.99 USD', ' this morning. ', 'Kind regards'] },
      { chunks: ['Standard delivery'], ending: 'CUT' },
    );
    asked.push(await ask('How long does delivery take?'), await ask('How long does delivery take?'));
    llm.script({ status: 500 });
    asked.push(await askStreaming('How long does delivery take?'));
    const origins = asked.map(({ reply, degraded }) => [reply?.origin, degraded]);
    expect(origins).toContainEqual([ReplyOrigin.LANGUAGE_MODEL, []]);
    expect(origins).toContainEqual([ReplyOrigin.APPROVED_WORDING, []]);
    expect(origins).toContainEqual([ReplyOrigin.APPROVED_WORDING, [Degradation.LANGUAGE_MODEL_UNUSABLE]]);
    expect(origins).toContainEqual([ReplyOrigin.APPROVED_WORDING, [Degradation.LANGUAGE_MODEL_UNAVAILABLE]]);
    const calls = llm.requests.length;
    for (const { id } of asked) {
      const { replayed, recorded, ...outcome } = await replay(id);
      expect(outcome).toEqual({
        status: ReplayStatus.IDENTICAL,
        obstacle: ReplayObstacle.UNSPECIFIED,
        problem: '',
        differences: [],
        replyUnwritten: false,
      });
      expect(replayed?.reply).toEqual(recorded?.reply);
    }
    expect(llm.requests.length).toBe(calls);
  });

  it('counts for the customer from the next message on, and keeps what it was made from', async () => {
    const asked = [await ask('How long does delivery take?', 'cus_elena'), await ask('I want to talk to a person', 'cus_elena')];
    const third = await ask('How long does delivery take?', 'cus_elena');
    const totals = [...asked, third].map(({ evidence }) => evidence?.features?.interactionsTotal ?? 0);
    expect(totals).toEqual([totals[0], totals[0]! + 1, totals[0]! + 2]);
    expect(third.evidence?.features?.escalationsTotal).toBe(asked[1]!.evidence!.features!.escalationsTotal + 1);
    expect((await replay(asked[0]!.id)).replayed?.evidence?.features).toEqual(asked[0]!.evidence?.features);
  });

  it('is made again by a command, which counts, and by REST', async () => {
    const { id } = await ask('How long does delivery take?');
    const { code, stdout } = await replymesh('replay', '--since', '1h');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^\d+ decisions were made again:\n\n +\d+ {2}IDENTICAL\n +0 {2}DIFFERENT\n/)]);
    if (!t.mesh.httpUrl) return;
    const { status, json } = await t.rest('POST', `/v1/queries/${id}:replay`, {});
    expect([status, json]).toMatchObject([200, { status: 'REPLAY_STATUS_IDENTICAL', replayed: { intents: expect.any(Array) } }]);
  });

  it('is judged by another policy from the record alone, and a command counts what that changes', async () => {
    const { id, action, intents } = await ask('How long does delivery take?', 'cus_bruno');
    expect(action).toBe(Action.AUTO);
    const off = { ...POLICY, version: 'off', intents: { ...POLICY.intents, [intents[0]!.label]: IntentMode.OFF } };
    const same = await replay(id, { ...POLICY, version: 'same' });
    const other = await replay(id, off);
    expect([same.status, same.replayed?.evidence?.policyVersion]).toEqual([ReplayStatus.IDENTICAL, 'same']);
    expect([other.status, other.replayed?.action, other.differences]).toEqual([
      ReplayStatus.DIFFERENT,
      Action.ESCALATE,
      ['action', 'reason', 'summary'],
    ]);
    const file = join(t.dataDir, 'off.json');
    await writeFile(file, JSON.stringify(Policy.toJSON({ ...POLICY, version: 'off', defaultMode: IntentMode.OFF })));
    t.mesh.programs.get('inference')!.kill('SIGSTOP');
    try {
      const { code, stdout } = await replymesh('replay', '--since', '2026-01-01', '--policy', file);
      expect([code, stdout]).toEqual([
        0,
        expect.stringMatching(/^ +\d+ {2}AUTO → ESCALATE +the policy gives this intent to a person \(INTENT_OFF\)$/m),
      ]);
      const json = JSON.parse((await replymesh('replay', '--since', '1h', '--policy', file, '--json')).stdout) as { changes: object[] };
      expect(json.changes).toContainEqual(
        expect.objectContaining({ from: 'AUTO', to: 'ESCALATE', reason: 'INTENT_OFF', count: expect.any(Number) }),
      );
    } finally {
      t.mesh.programs.get('inference')!.kill('SIGCONT');
    }
  });

  it('says what stands in the way: a passage that has changed, a record that was erased', async () => {
    const { id, reply } = await ask('How long does delivery take?', 'cus_chiara');
    const { articleId } = reply!.citations[0]!;
    const { article } = await t.knowledge.getArticle({ id: articleId });
    await t.knowledge.updateArticle({ article: { ...article!, body: `${article!.body}\n\nMore than before.` }, updateMask: ['body'] });
    const changed = await replay(id);
    expect([changed.status, changed.obstacle, changed.problem]).toEqual([
      ReplayStatus.NOT_REPLAYABLE,
      ReplayObstacle.PASSAGE_CHANGED,
      expect.stringContaining(`${articleId}#`),
    ]);
    await t.customers.eraseCustomer({ customerId: 'cus_chiara' });
    const erased = await replay(id);
    expect(erased).toMatchObject({ status: ReplayStatus.NOT_REPLAYABLE, obstacle: ReplayObstacle.RECORD_ERASED, recorded: undefined });
  });

  it('that had to do without models and without a generator is made again without them', async () => {
    const away = (['inference', 'generator'] as const).map((name) => t.mesh.programs.get(name)!);
    for (const program of away) program.kill('SIGSTOP');
    const { id, degraded } = await ask('How long does delivery take?', 'cus_bruno').finally(() => {
      for (const program of away) program.kill('SIGCONT');
    });
    expect(degraded.slice(0, 2)).toEqual([Degradation.INFERENCE_UNAVAILABLE, Degradation.GENERATOR_UNAVAILABLE]);
    // Little time was left to store it.
    await expect.poll(async () => (await replay(id)).status, { timeout: 20_000 }).toBe(ReplayStatus.IDENTICAL);
  });

  it('waits for the database where its record does', async () => {
    const context = t.mesh.programs.get('context')!;
    context.kill('SIGSTOP');
    const { id } = await ask('How long does delivery take?', 'cus_bruno').finally(() => context.kill('SIGCONT'));
    const outcome = await replay(id);
    expect([ReplayObstacle.RECORD_WAITING, ReplayObstacle.UNSPECIFIED]).toContain(outcome.obstacle);
    await expect.poll(async () => (await replay(id)).status, { timeout: 20_000 }).toBe(ReplayStatus.IDENTICAL);
  });

  it('is nobody’s to replay without the scope', async () => {
    const { id } = await ask('How long does delivery take?', 'cus_bruno');
    await expect(t.queries.replayQuery({ id }, await t.as('demo', ['queries.write']))).rejects.toThrow(/queries\.read/);
    await expect(t.queries.replayQuery({ id }, await t.as('another'))).rejects.toThrow(/No query has the id/);
  });
});

describe('a decision that another bundle made', () => {
  let work: string;
  let tiny: TestMesh;
  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), 'replymesh-replay-'));
    const bundle = await writeTinyBundle(join(work, 'shipped'));
    tiny = await startTestMesh({ withEnvoy: false, env: { REPLYMESH_BUNDLE_DIR: bundle, REPLYMESH_INFERENCE_WORKERS: '1' } });
  });
  afterAll(async () => {
    await tiny?.stop();
    await rm(work, { recursive: true, force: true });
  });

  it('is made again with that one from the models folder, and names it where it is gone', async () => {
    const ask = async () => (await tiny.queries.processQuery({ text: 'Where is my parcel?' })).decision!;
    const first = await ask();
    const other = await openBundle(await writeTinyBundle(join(work, 'other'), { version: '2.0.0' }), 'support');
    await cp(join(work, 'other'), join(tiny.dataDir, 'models', 'bundles', other.digest), { recursive: true });
    await tiny.models.promoteBundle({ digest: other.digest });
    const second = await ask();
    expect([first, second].map(({ evidence }) => evidence?.bundleDigest === other.digest)).toEqual([false, true]);
    for (const { id, evidence } of [first, second])
      expect(await tiny.queries.replayQuery({ id })).toMatchObject({
        status: ReplayStatus.IDENTICAL,
        replayed: { evidence: { bundleDigest: evidence!.bundleDigest } },
      });
    await tiny.models.rollBackBundle({});
    await rm(join(tiny.dataDir, 'models', 'bundles', other.digest), { recursive: true });
    expect(await tiny.queries.replayQuery({ id: second.id })).toMatchObject({
      status: ReplayStatus.NOT_REPLAYABLE,
      obstacle: ReplayObstacle.BUNDLE_CHANGED,
      problem: expect.stringContaining(other.digest),
    });
  });
});
