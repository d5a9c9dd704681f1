import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'csv-parse/sync';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ReviewOutcome } from '../gen/replymesh/v1/review_service.js';
import { packageRoot } from '../lib/packageRoot.js';
import { writeTinyBundle } from '../services/inference/tinyBundle.fixture.js';
import { startTestMesh, type TestMesh } from './mesh.js';

vi.setConfig({ testTimeout: 120_000 });

const MAIN = fileURLToPath(new URL('dist/cli/main.js', packageRoot));

let work: string;
let t: TestMesh;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'replymesh-labelled-'));
  const bundle = { REPLYMESH_BUNDLE_DIR: await writeTinyBundle(join(work, 'bundle')), REPLYMESH_INFERENCE_WORKERS: '1' };
  // Every message is drawn, so that reviews are random and feedback is chosen.
  t = await startTestMesh({ env: { ...bundle, REPLYMESH_SEED: 'off', REPLYMESH_REVIEW_SAMPLE: '1' } });
});
afterAll(async () => {
  await t?.stop();
  await rm(work, { recursive: true, force: true });
});

const replymesh = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
  new Promise((resolve) => {
    const there = { REPLYMESH_GRPC_PORT: String(t.mesh.grpcPort), REPLYMESH_DATA_DIR: t.dataDir };
    execFile(process.execPath, [MAIN, ...args], { env: { PATH: process.env['PATH'] ?? '', ...there } }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
const ask = async (text: string, customerId = ''): Promise<string> =>
  (await t.queries.processQuery({ text, customerId, labelSpace: 'support' })).decision!.id;
const rowsIn = async (file: string) => parse(await readFile(file, 'utf8'), { columns: true }) as Record<string, string>[];

describe('what people labelled', () => {
  it('becomes files to train on: masked, apart by how the messages came, with where each row is from, and without erased customers', async () => {
    const formula = await ask('=HYPERLINK("http://example.com") write to ada@example.com');
    const drawn = await ask('I want, "really", my money back');
    const erased = await ask('a secret of the erased', 'cus_gone');
    await t.feedback.submitFeedback({ queryId: formula, correctedIntent: 'cancel_order' });
    await t.feedback.submitFeedback({ queryId: formula, correctedIntent: 'get_refund' });
    await t.feedback.submitFeedback({ queryId: erased, correctedIntent: 'get_refund' });
    await t.feedback.submitFeedback({ queryId: await ask('some more'), correctedIntent: 'a word that is no label' });
    await t.reviews.resolveReview({ queryId: drawn, outcome: ReviewOutcome.APPROVED, label: 'get_refund' });
    await t.customers.eraseCustomer({ customerId: 'cus_gone' });

    const out = join(work, 'labelled');
    const { code, stdout, stderr } = await replymesh('export-training', '--space', 'support', '--out', out);
    expect([code, stdout]).toEqual([0, `${out}\n`]);
    expect(stderr.split('\n').map((line) => line.split(/[:,.] /)[0])).toEqual([
      '1 rows to train on',
      'People said different things of 1 messages',
      '2 of the 3 messages that chance drew have no label',
      '',
    ]);
    expect(await rowsIn(join(out, 'train.csv'))).toMatchObject([
      {
        text: `'=HYPERLINK("http://example.com") write to {{EMAIL_1}}`,
        label: 'get_refund',
        query_id: formula,
        source: 'feedback',
        drawn: 'chosen',
      },
    ]);
    const [row] = await rowsIn(join(out, 'calibration.csv'));
    expect(row).toMatchObject({ text: 'I want, "really", my money back', label: 'get_refund', source: 'review', drawn: 'random' });
    expect(row).toMatchObject({ labelled_by: expect.stringMatching(/^person_/), bundle_digest: expect.stringMatching(/^[0-9a-f]{64}$/) });
    const provenance = JSON.parse(await readFile(join(out, 'provenance.json'), 'utf8')) as { files: { sha256: string }[] };
    const digests = await Promise.all(
      ['train.csv', 'calibration.csv'].map(async (name) =>
        createHash('sha256')
          .update(await readFile(join(out, name)))
          .digest('hex'),
      ),
    );
    expect(provenance.files.map((file) => file.sha256)).toEqual(digests);
    expect(provenance).toMatchObject({
      labelSpace: 'support',
      disputedMessages: 1,
      rowsOfUnknownLabels: 0,
      randomSample: { drawn: 3, resolved: 1, labelled: 1 },
      files: [
        { rows: 1, labels: { get_refund: 1 }, sources: { feedback: 1 } },
        { rows: 1, sources: { review: 1 } },
      ],
    });
    expect((await stat(join(out, 'train.csv'))).mode & 0o077).toBe(0);
    expect(t.output.join('\n')).not.toMatch(/money back|HYPERLINK/);
  });

  it('is given over REST as server-sent events, to those who may read it', async () => {
    const read = async (scopes: readonly string[]) => {
      const token = await t.mesh.keys.sign({ subject: 'x', tenant: 'demo', scopes, ttlSeconds: 60 });
      const response = await fetch(`${t.mesh.httpUrl}/v1/training/rows?labelSpace=support&draw=DRAW_RANDOM`, {
        headers: { authorization: `Bearer ${token}` },
      });
      return [response.status, await response.text()] as const;
    };
    const [status, events] = await read(['training.read']);
    expect([status, events.startsWith('data: {"rows":[{"text":"I want, ')]).toEqual([200, true]);
    expect((await read(['reviews.read', 'queries.read']))[0]).toBe(403);
  });

  it('of a space that is not served is refused with those that are', async () => {
    const { code, stderr } = await replymesh('export-training', '--space', 'none-such', '--out', join(work, 'none'));
    expect([code, stderr]).toEqual([1, 'Label space "none-such" is not in this bundle. Use one of: support.\n']);
  });
});
