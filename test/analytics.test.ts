import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Summary } from '../gen/replymesh/v1/analytics_service.js';
import { packageRoot } from '../lib/packageRoot.js';
import { writeTinyBundle } from '../services/inference/tinyBundle.fixture.js';
import { startTestMesh, type TestMesh } from './mesh.js';

// A machine that is busy with others is slow.
vi.setConfig({ testTimeout: 180_000 });

const MAIN = fileURLToPath(new URL('dist/cli/main.js', packageRoot));

let work: string;
let t: TestMesh;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'replymesh-analytics-'));
  const bundle = await writeTinyBundle(join(work, 'bundle'));
  t = await startTestMesh({ env: { REPLYMESH_BUNDLE_DIR: bundle, REPLYMESH_INFERENCE_WORKERS: '1' } });
});
afterAll(async () => {
  await t?.stop();
  await rm(work, { recursive: true, force: true });
});

const replymesh = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
  new Promise((resolve) => {
    const there = { REPLYMESH_GRPC_PORT: String(t.mesh.grpcPort), REPLYMESH_DATA_DIR: t.dataDir };
    const options = { env: { PATH: process.env['PATH'] ?? '', ...there, REPLYMESH_TOKEN: t.token } };
    execFile(process.execPath, [MAIN, ...args], options, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
const summary = async (): Promise<Summary> => (await t.analytics.getSummary({})).summary!;

describe('the analytics of a running mesh', () => {
  it('change with the message that was just answered, and with the word that was just said of it', async () => {
    const before = await summary();
    const { decision } = await t.queries.processQuery({ text: 'Where is my refund?', customerId: 'cus_ada' });
    const asked = await summary();
    expect([asked.volume, asked.resolution?.silences]).toEqual([before.volume + 1, before.resolution!.silences + 1]);
    expect(asked.responseTime?.count).toBe(before.responseTime!.count + 1);
    await t.feedback.submitFeedback({ queryId: decision!.id, resolved: true, satisfaction: 5 });
    const told = await summary();
    expect(told.volume).toBe(asked.volume);
    expect(told.resolution).toMatchObject({
      confirmedResolutions: before.resolution!.confirmedResolutions + 1,
      silences: before.resolution!.silences,
    });
    expect(told.satisfaction?.mean).toBe(5);
    // The one space that was used, though the caller named none.
    expect((await t.analytics.getSummary({ labelSpace: 'support' })).summary?.volume).toBe(told.volume);
    expect((await t.analytics.getModelAgreement({})).models.length).toBeGreaterThan(0);
  });

  it('come over REST, to those who may read them', async () => {
    for (const name of [
      'summary',
      'timeSeries?metrics=METRIC_VOLUME&granularity=GRANULARITY_HOUR',
      'modelAgreement',
      'knowledgeGaps?limit=3',
    ])
      expect([name, (await t.rest('GET', `/v1/analytics/${name}`)).status]).toEqual([name, 200]);
    expect((await t.rest('POST', '/v1/analytics/summary', {})).status).toBe(405);
    const { json } = await t.rest('GET', '/v1/analytics/summary?startTime=2026-01-02T00:00:00Z&endTime=2026-01-01T00:00:00Z');
    expect(json).toMatchObject({ message: expect.stringContaining('The request breaks the contract') });
    const reader = await t.as('demo', ['queries.read']);
    await expect(t.analytics.getSummary({}, reader)).rejects.toMatchObject({ code: Status.PERMISSION_DENIED });
    const other = await t.as('other');
    expect((await t.analytics.getSummary({}, other)).summary?.volume).toBe(0);
  });

  it('are counted in the background, and told on /metrics', async () => {
    const metrics = async (): Promise<string> => (await fetch(`http://127.0.0.1:${t.mesh.metricsPorts.context}/metrics`)).text();
    await expect.poll(metrics, { timeout: 60_000 }).toMatch(/resolution_time_seconds_count [1-9]/);
    expect(await metrics()).toMatch(/analytics_caught_up_timestamp_seconds \d/);
  });

  it('are printed by a command', async () => {
    const { volume } = await summary();
    const shown = await replymesh('analytics', '--since', '24h');
    expect([shown.code, shown.stderr]).toEqual([0, '']);
    expect(shown.stdout).toMatch(new RegExp(`messages +${volume}\\n`));
    const json = await replymesh('analytics', '--space', 'support', '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({ volume });
    const wrong = await replymesh('analytics', '--since', 'yesterday');
    expect([wrong.code, wrong.stdout]).toEqual([2, '']);
    expect(wrong.stderr).toContain('It must be a time such as 90m, 24h or 7d');
  });
});
