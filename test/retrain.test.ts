import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ReviewOutcome } from '../gen/replymesh/v1/review_service.js';
import { lockFolder } from '../lib/folderLock.js';
import { packageRoot } from '../lib/packageRoot.js';
import { startTestMesh, type TestMesh } from './mesh.js';

// A training imports PyTorch and MLflow, which alone takes many seconds on a busy machine.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const root = fileURLToPath(packageRoot);
const MAIN = join(root, 'dist/cli/main.js');
const INSTALLED = join(root, '.cache/venv-training/installed.lock');
/** Making it takes minutes and a gigabyte: `.ci/training` does, and the next run has it. */
const isThere = existsSync(INSTALLED) && readFileSync(INSTALLED, 'utf8') === readFileSync(join(root, 'training/requirements.lock'), 'utf8');
if (!isThere) console.warn(`SKIPPED: ${INSTALLED} is not there or old. Run ".ci/training" once, or "replymesh train".`);

const FRAMES = ['where is my {}', 'I want my {} today', 'what about the {}', 'please help with the {}', 'the {} does not work'];
const WORDS = { refund: 'money back', order: 'parcel', account: 'password' } as const;
/** A word that nothing before the labels of people teaches. */
const NEW_WORD = 'zorble';
const filled = (frame: string, word: string): string => frame.replace('{}', word);

describe.skipIf(!isThere)('a label space', () => {
  let work: string;
  let rows: string;
  let t: TestMesh;
  let env: Record<string, string>;
  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), 'replymesh-retrain-'));
    rows = join(work, 'own.csv');
    const lines = Object.entries(WORDS).flatMap(([label, word]) => FRAMES.map((frame) => `${filled(frame, word)},${label}\n`));
    await writeFile(rows, `text,label\n${lines.join('')}`);
    env = {};
    const base = join(work, 'base');
    const { code, stderr } = await replymesh('train', '--data', rows, '--space', 'own', '--out', base);
    expect([code, stderr]).toEqual([0, expect.stringContaining('all rows')]);
    const bundle = { REPLYMESH_BUNDLE_DIR: base, REPLYMESH_INFERENCE_WORKERS: '1' };
    const learning = { REPLYMESH_DRIFT_LEAST_ROWS: '50', REPLYMESH_RETRAIN_WINDOWS: '1', REPLYMESH_RETRAIN_LEAST_LABELS: '5' };
    // Every message is drawn, so that reviews are random and feedback is chosen.
    t = await startTestMesh({ withEnvoy: false, env: { ...bundle, ...learning, REPLYMESH_SEED: 'off', REPLYMESH_REVIEW_SAMPLE: '1' } });
    env = { ...bundle, REPLYMESH_MESH_ADDRESS: `127.0.0.1:${t.mesh.grpcPort}`, REPLYMESH_DATA_DIR: t.dataDir };
  });
  afterAll(async () => {
    await t?.stop();
    await rm(work, { recursive: true, force: true });
  });

  const replymesh = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      const tracking = { MLFLOW_TRACKING_URI: pathToFileURL(join(work, 'mlruns')).href };
      const options = { env: { PATH: process.env['PATH'] ?? '', ...env, ...tracking } };
      execFile(process.execPath, [MAIN, ...args], options, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
      );
    });
  const ask = async (text: string) => (await t.queries.processQuery({ text, labelSpace: 'own' })).decision!;
  const retrain = (...args: string[]) => replymesh('retrain', '--space', 'own', ...args);
  const traces = async (): Promise<string[]> => (await readdir(t.dataDir, { recursive: true })).filter((name) => name.endsWith('.csv'));

  it('is not trained anew of too few labels, beside another retraining, or where it would forget some', async () => {
    for (const frame of FRAMES) {
      const { id } = await ask(filled(frame, NEW_WORD));
      await t.feedback.submitFeedback({ queryId: id, correctedIntent: 'refund' });
    }
    const few = await retrain();
    expect([few.code, few.stdout, few.stderr]).toEqual([1, '', expect.stringContaining('5 labelled rows are too few')]);
    const forgetting = await retrain('--least-labels', '5');
    expect([forgetting.code, forgetting.stderr]).toEqual([1, expect.stringContaining('2 of 3: account (0), order (0)')]);
    const lock = lockFolder(join(t.dataDir, 'models', 'retrain.lock'), process.pid);
    const beside = await retrain('--least-labels', '5');
    lock.release();
    expect([beside.code, beside.stderr]).toEqual([1, expect.stringContaining('Another retraining runs')]);
  });

  it('learns from what people said, beside what it was trained on, and the new bundle challenges the one that is served', async () => {
    const drawn = await ask('where did you send my parcel');
    await t.reviews.resolveReview({ queryId: drawn.id, outcome: ReviewOutcome.APPROVED, label: 'order' });
    const { code, stdout, stderr } = await retrain('--least-labels', '5', '--data', rows);
    expect([code, stderr]).toEqual([0, expect.stringContaining('1 random rows, 100 calibrate alone')]);
    expect(stderr).not.toContain(NEW_WORD);
    const digest = stdout.trim();
    const { bundles } = await t.models.listBundles({});
    expect(bundles.find((bundle) => bundle.digest === digest)).toMatchObject({ aliases: ['challenger'], served: false });
    expect((await ask(`my ${NEW_WORD} please`)).evidence?.bundleDigest).not.toBe(digest);

    const provenance = JSON.parse(await readFile(join(t.dataDir, 'models', 'retraining', `${digest}.json`), 'utf8')) as object;
    expect(provenance).toMatchObject({ labelSpace: 'own', files: [{ rows: 5, sources: { feedback: 5 } }, { rows: 1 }] });
    expect(await traces()).toEqual([]);
    const registered = await readdir(join(work, 'mlruns', 'models', 'replymesh'), { recursive: true });
    expect(registered.filter((name) => name.endsWith('challenger'))).toHaveLength(1);

    expect((await replymesh('models', 'promote', 'challenger')).code).toBe(0);
    const after = await ask(`my ${NEW_WORD} please`);
    expect([after.intents[0]?.label, after.evidence?.bundleDigest]).toEqual(['refund', digest]);
  });

  it('that drifts is trained anew by the check itself, which leaves the challenger alone then until there are new labels', async () => {
    for (let i = 0; i < 50; i += 1) {
      const { id } = await ask(`Good day, I have waited for the ${NEW_WORD} of my neighbour number ${i} since the beginning of this month`);
      if (i < 5) await t.feedback.submitFeedback({ queryId: id, correctedIntent: 'order' });
    }
    Object.assign(env, { REPLYMESH_RETRAIN: 'auto', REPLYMESH_RETRAIN_DATA: work });
    const challenger = async () => (await t.models.listBundles({})).bundles.find(({ aliases }) => aliases.includes('challenger'))?.digest;
    const check = async () => {
      const { code, stdout, stderr } = await replymesh('drift', 'check', '--window', '1h', '--json');
      expect([stdout, stderr]).toEqual([expect.stringContaining('reports'), expect.any(String)]);
      const { reports } = JSON.parse(stdout) as { reports: { retraining: string; labels: number }[] };
      return { code, stderr, verdict: reports[0]?.retraining, labels: reports[0]?.labels ?? 0 };
    };
    expect(await challenger()).toBeUndefined();
    const first = await check();
    expect(first).toMatchObject({ code: 0, verdict: 'RETRAINING_VERDICT_WANTED', labels: 5 });
    const made = await challenger();
    expect([first.stderr, made]).toEqual([expect.stringContaining(made ?? 'a digest'), expect.any(String)]);
    // They are nearly the same; lines of a file that is deleted would help nobody.
    expect(first.stderr).toMatch(/near copies, \d+ pairs/);
    expect(first.stderr).not.toContain('the text of line');
    expect(await check()).toMatchObject({ code: 0, verdict: 'RETRAINING_VERDICT_TOO_FEW_LABELS', labels: 0, stderr: '' });
    expect(await challenger()).toBe(made);
  });
});
