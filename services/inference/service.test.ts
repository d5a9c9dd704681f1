import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createChannel, createClient } from 'nice-grpc';
import { HealthDefinition } from 'nice-grpc-server-health';
import { afterEach, describe, expect, it } from 'vitest';
import { InferenceServiceDefinition } from '../../gen/replymesh/inference/v1/inference_service.js';
import { connect } from '../../lib/client.js';
import { packageRoot } from '../../lib/packageRoot.js';
import { caller, SHIPPED, serveInference } from './inference.fixture.js';

const MAIN = new URL('dist/services/inference/main.js', packageRoot).pathname;
const running: ChildProcess[] = [];
const folders: string[] = [];
afterEach(async () => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}
/** The service as its own process. */
function launch(env: Record<string, string> = {}, ...args: string[]) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: {
      PATH: process.env['PATH'],
      REPLYMESH_LISTEN: '127.0.0.1:0',
      REPLYMESH_BUNDLE_DIR: SHIPPED,
      REPLYMESH_INFERENCE_WORKERS: '1',
      REPLYMESH_LOG_LEVEL: 'info',
      ...env,
    },
  });
  running.push(child);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  const ended = new Promise<Ended>((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })));
  const port = async (): Promise<number> => {
    await expect.poll(() => stdout, { timeout: 30_000 }).toContain('"msg":"ready"');
    return JSON.parse(stdout.split('\n').find((line) => line.includes('"msg":"ready"'))!).port as number;
  };
  return { child, ended, port };
}

/** Of grpc.health.v1.HealthCheckResponse.ServingStatus. */
const SERVING = 1;
const NOT_SERVING = 2;
async function healthOf(target: string): Promise<number> {
  const channel = createChannel(target);
  try {
    return (await createClient(HealthDefinition, channel).check({ service: InferenceServiceDefinition.fullName })).status;
  } finally {
    channel.close();
  }
}

describe('the inference service as a process', () => {
  it('says all mistakes of its configuration at once and ends with 78', async () => {
    const { code, stderr } = await launch({
      REPLYMESH_INFERENCE_WORKERS: 'two',
      REPLYMESH_BUNDLE_DIR: '/nowhere',
      REPLYMESH_CACHE: 'maybe',
    }).ended;
    expect(code).toBe(78);
    for (const name of ['3 mistakes', 'REPLYMESH_INFERENCE_WORKERS', 'REPLYMESH_BUNDLE_DIR', 'REPLYMESH_CACHE'])
      expect(stderr).toContain(name);
  });

  it('ends with 78 and one line that names the file when its bundle is damaged', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'replymesh-bundle-'));
    folders.push(folder);
    await cp(SHIPPED, folder, { recursive: true });
    await writeFile(join(folder, 'tokenizer.json'), '{}');
    const { code, stdout, stderr } = await launch({ REPLYMESH_BUNDLE_DIR: folder }).ended;
    expect([code, stdout]).toEqual([78, '']);
    expect(stderr.trim().split('\n')).toEqual([expect.stringContaining('tokenizer.json: it has 2 bytes')]);
  });

  it('ends with 78 when its default label space is unknown', async () => {
    const { code, stderr } = await launch({ REPLYMESH_DEFAULT_LABEL_SPACE: 'elsewhere' }).ended;
    expect([code, stderr]).toEqual([78, expect.stringContaining('support, banking, assistant, sentiment')]);
  });

  it('prints its configuration without starting', async () => {
    const { code, stdout } = await launch({}, '--print-config').ended;
    expect([code, stdout]).toEqual([0, expect.stringContaining('REPLYMESH_INFERENCE_WORKERS=1')]);
  });

  it('is healthy once it can answer, and on SIGTERM answers what it has begun and ends with 0', async () => {
    const { child, ended, port } = launch();
    const target = `127.0.0.1:${await port()}`;
    expect(await healthOf(target)).toBe(SERVING);
    const { client, close } = connect(InferenceServiceDefinition, { callee: 'inference', target, timeoutMs: 30_000 });
    const first = await client.predict({ text: 'Where is my refund?' }, caller());
    const answers = Array.from({ length: 30 }, (_, i) => client.predict({ text: `Where is order ${i}?` }, caller()));
    await Promise.race(answers);
    child.kill('SIGTERM');
    expect(await Promise.all(answers)).toHaveLength(30);
    await close();
    const { code, stdout } = await ended;
    expect(code).toBe(0);
    expect(stdout).not.toContain('refund');
    expect(first.intents).toHaveLength(5);
  });

  it('is not healthy while no thread is alive, and recovers by itself', async () => {
    const { port, workers, client, close } = await serveInference({ workers: 1 });
    const afterDeath = new Promise<number>((resolve) => {
      workers.onAlive((alive) => {
        if (alive === 0) resolve(healthOf(`127.0.0.1:${port}`));
      });
    });
    const dying = workers.threads[0]!.terminate();
    expect(await afterDeath).toBe(NOT_SERVING);
    expect((await client.predict({ text: 'Where is my refund?' }, caller())).intents).toHaveLength(5);
    expect(await healthOf(`127.0.0.1:${port}`)).toBe(SERVING);
    await dying;
    await close();
  });
});
