import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClientError, Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Degradation } from '../gen/replymesh/type/v1/decision.js';
import { Audience } from '../gen/replymesh/type/v1/knowledge.js';
import { openBundle } from '../services/inference/bundle.js';
import { SHIPPED } from '../services/inference/inference.fixture.js';
import { openRegistry } from '../services/inference/registry.js';
import { writeTinyBundle } from '../services/inference/tinyBundle.fixture.js';
import { copyShipped, damage } from './bundles.js';
import { startTestMesh, type TestMesh } from './mesh.js';

let t: TestMesh;
let work: string;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'replymesh-bundles-'));
  t = await startTestMesh({
    env: {
      REPLYMESH_INFERENCE_WORKERS: '1',
      REPLYMESH_MODELS_POLL_MS: '100',
      // A machine that is busy with others is slow, which is no failed call.
      REPLYMESH_DEADLINE_MS: '120000',
      REPLYMESH_CONTEXT_TIMEOUT_MS: '60000',
      REPLYMESH_INFERENCE_TIMEOUT_MS: '60000',
    },
  });
});
afterAll(async () => {
  await t?.stop();
  await rm(work, { recursive: true, force: true });
});

const modelsDir = (): string => join(t.dataDir, 'models');

/** Adds a bundle that differs from the shipped one in its version alone. @returns its digest */
async function added(version: string): Promise<string> {
  const bundle = await openBundle(await copyShipped(join(work, version), version), 'support');
  await (await openRegistry({ folder: modelsDir(), shipped: SHIPPED })).add(bundle);
  return bundle.digest;
}
/** Adds a small bundle with an encoder of its own. @returns its digest */
async function addedTiny(encoder: number): Promise<string> {
  const folder = await writeTinyBundle(join(work, `tiny-${encoder}`), { version: `${encoder}.0.0`, encoder });
  const bundle = await openBundle(folder, 'support');
  await (await openRegistry({ folder: modelsDir(), shipped: SHIPPED })).add(bundle);
  return bundle.digest;
}
const folderOf = (digest: string): string => join(modelsDir(), 'bundles', digest);

let asked = 0;
/** Digest of the bundle that judges a message which nobody has sent before. */
async function judgedBy(): Promise<string | undefined> {
  asked += 1;
  const { decision } = await t.queries.processQuery({ text: `Where is order ${asked}?` });
  // The database of a busy machine may take a record later, which says nothing about models.
  expect(decision?.degraded.filter((one) => one !== Degradation.RECORD_SPOOLED)).toEqual([]);
  return decision?.evidence?.bundleDigest;
}

const served = async (): Promise<string[]> => (await t.models.listBundles({})).bundles.filter((b) => b.served).map((b) => b.digest);

async function refusal(call: Promise<unknown>): Promise<ClientError> {
  return (await call.then(
    () => expect.unreachable('the call was answered'),
    (e: unknown) => e,
  )) as ClientError;
}

describe('a running mesh', () => {
  it('has the shipped bundle and nothing to go back to', async () => {
    const { bundles } = await t.models.listBundles({});
    expect(bundles).toMatchObject([{ aliases: ['champion'], served: true, problem: '' }]);
    expect(bundles[0]!.spaces.map((s) => s.name)).toContain('support');
    expect((await refusal(t.models.rollBackBundle({}))).code).toBe(Status.FAILED_PRECONDITION);
    expect(await judgedBy()).toBe(bundles[0]!.digest);
  });

  it('serves a promoted bundle without failing a call, and goes back on command', async () => {
    const [first] = await served();
    const second = await added('7.0.0');
    const seen: (string | undefined)[] = [];
    let calling = true;
    const callers = Array.from({ length: 3 }, async () => {
      while (calling) seen.push(await judgedBy());
    });
    await expect.poll(() => seen.length, { timeout: 30_000 }).toBeGreaterThan(3);
    const { bundle } = await t.models.promoteBundle({ digest: second });
    expect(bundle).toMatchObject({ digest: second, version: '7.0.0', aliases: ['champion'], served: true });
    // It returns when the bundle is served: no call that begins afterwards is judged by another.
    expect(await judgedBy()).toBe(second);
    const { bundle: before } = await t.models.rollBackBundle({});
    expect(before).toMatchObject({ digest: first, aliases: ['champion'], served: true });
    expect(await judgedBy()).toBe(first);
    calling = false;
    // Every call was answered, or this says which was not.
    expect((await Promise.allSettled(callers)).filter((c) => c.status === 'rejected')).toEqual([]);
    expect(new Set(seen)).toEqual(new Set([first, second]));
  });

  it('answers in full while champions follow each other, even ones whose encoder has to read every article anew', async () => {
    const [first] = await served();
    const others = [await addedTiny(2), await addedTiny(3)];
    const changes = async (): Promise<void> => {
      for (const [i, digest] of [...others, first!, ...others].entries()) {
        await t.models.promoteBundle({ digest });
        // Whoever writes an article wakes what embeds them.
        await t.knowledge.createArticle({ article: { id: `kelp-${i}`, title: 'Kelp', body: 'Kelp.', audience: Audience.PUBLIC } });
      }
      const similarities = async () => (await t.knowledge.searchArticles({ text: 'kelp' })).passages.map((p) => p.similarity);
      await expect.poll(similarities, { timeout: 120_000 }).toEqual(new Array(5).fill(expect.any(Number)));
      await t.models.promoteBundle({ digest: first! });
    };
    let changing = true;
    const changed = changes().finally(() => (changing = false));
    const callers = Array.from({ length: 3 }, async () => {
      while (changing) await judgedBy();
    });
    await Promise.all([changed, ...callers]);
  });

  it('refuses a broken bundle with what is broken, and the old one goes on', async () => {
    const [before] = await served();
    const broken = await added('8.0.0');
    await damage(folderOf(broken));
    const { code, details: message } = await refusal(t.models.promoteBundle({ digest: broken }));
    expect(code).toBe(Status.FAILED_PRECONDITION);
    expect(message).toContain('trunk.onnx: its SHA-256 is');
    expect(message).not.toContain(t.dataDir);
    expect([await served(), await judgedBy()]).toEqual([[before], before]);
  });

  it('refuses a bundle that is not there', async () => {
    expect((await refusal(t.models.promoteBundle({ digest: 'f'.repeat(64) }))).code).toBe(Status.NOT_FOUND);
    expect((await refusal(t.models.promoteBundle({ digest: 'champion' }))).code).toBe(Status.INVALID_ARGUMENT);
  });

  it('takes up what another replica has promoted, refuses what is broken, and stays healthy', async () => {
    const other = await openRegistry({ folder: modelsDir(), shipped: SHIPPED });
    const before = await other.aliases();
    const third = await added('9.0.0');
    await other.changeAliases(() => ({ champion: third, history: [before.champion] }));
    await expect.poll(served, { timeout: 30_000 }).toEqual([third]);
    const broken = await added('9.0.1');
    await damage(folderOf(broken));
    await other.changeAliases(() => ({ champion: broken, history: [before.champion, third] }));
    await expect.poll(() => t.output.join('\n'), { timeout: 30_000 }).toContain('the champion was refused, the one before goes on');
    expect([await served(), await judgedBy()]).toEqual([[third], third]);
    const { bundle } = await t.models.rollBackBundle({});
    expect(bundle).toMatchObject({ digest: third, aliases: ['champion'], served: true });
  });

  it('says what is wrong with a damaged file of names, and serves on until it is mended', async () => {
    const before = await served();
    const file = join(modelsDir(), 'aliases.json');
    const whole = await readFile(file, 'utf8');
    for (const [text, problem] of [
      [whole.slice(0, whole.length >> 1), 'it is not JSON'],
      ['the second one', 'it is not JSON'],
      ['[]', '"champion" is no digest'],
      ['{"champion":"7.0.0"}', '"champion" is no digest'],
    ] as const) {
      await writeFile(file, text);
      // One after the other: a refusal that nobody awaits yet would end the run.
      const calls = [
        () => t.models.listBundles({}),
        () => t.models.promoteBundle({ digest: before[0]! }),
        () => t.models.rollBackBundle({}),
      ];
      for (const call of calls) {
        const { code, details: message } = await refusal(call());
        expect(code).toBe(Status.FAILED_PRECONDITION);
        expect(message).toContain(`aliases.json is damaged: ${problem}. Correct it, or remove it`);
        expect(message).not.toContain(t.dataDir);
      }
      expect(await judgedBy()).toBe(before[0]);
    }
    await writeFile(file, whole);
    expect([await served(), await judgedBy()]).toEqual([before, before[0]]);
  });

  it('keeps models from callers who may only read them', async () => {
    const reader = await t.as('demo', ['models.read']);
    expect((await t.models.listBundles({}, reader)).bundles.length).toBeGreaterThan(1);
    expect((await refusal(t.models.rollBackBundle({}, reader))).code).toBe(Status.PERMISSION_DENIED);
  });

  it('serves the same bundle after its process was started again', async () => {
    const [before] = await served();
    t.mesh.programs.get('inference')!.kill('SIGKILL');
    await expect.poll(() => served().catch(() => []), { timeout: 60_000 }).toEqual([before]);
  });
});

describe.skipIf(process.env['REPLYMESH_NO_ENVOY'] === '1')('over REST', () => {
  it('bundles are listed, promoted and rolled back', async () => {
    const { status, json } = await t.rest('GET', '/v1/models/bundles');
    const { bundles } = json as { bundles: { digest: string; served?: boolean; name: string }[] };
    expect([status, bundles.filter((b) => b.served).length]).toEqual([200, 1]);
    // Those that are opened in a moment: Envoy waits for no call as long as a busy machine may take.
    const [one, other] = bundles.filter((b) => b.name === 'tiny').map((b) => b.digest);
    await t.models.promoteBundle({ digest: one! });
    const promoted = await t.rest('POST', `/v1/models/bundles/${other}:promote`, {});
    expect([promoted.status, promoted.json]).toMatchObject([200, { bundle: { digest: other, served: true } }]);
    const back = await t.rest('POST', '/v1/models/bundles:rollBack', {});
    expect([back.status, back.json]).toMatchObject([200, { bundle: { digest: one, served: true } }]);
    const refused = await t.rest('POST', `/v1/models/bundles/${'f'.repeat(64)}:promote`, {});
    expect([refused.status, refused.json]).toMatchObject([404, { details: [{ reason: 'BUNDLE_UNKNOWN' }] }]);
  });
});
