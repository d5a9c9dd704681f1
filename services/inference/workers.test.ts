import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import type { Batch, Task } from './batch.js';
import { openBundle } from './bundle.js';
import { openParts } from './inference.fixture.js';
import type { LoadedBundle } from './loadBundle.js';
import { writeTinyBundle } from './tinyBundle.fixture.js';
import { startWorkers, WorkerLost } from './workers.js';

// A thread is killed while it is idle, and then gets a batch: killing one whose session runs would take the test process down
// (onnxruntime-node 1.30 throws through native code), which is also why the service itself never does.

const never = new AbortController().signal;
let parts: LoadedBundle | undefined;
afterEach(async () => {
  await parts?.workers.close();
  parts = undefined;
});
const open = async (count: number): Promise<LoadedBundle> => {
  parts = await openParts({ workers: count, maxBatch: 4 });
  return parts;
};
const tasks = ({ read }: LoadedBundle, count: number): Task[] =>
  Array.from({ length: count }, (_, i) => {
    const inputs = read(`where is order ${i}`);
    return { space: 'support', inputs, seed: [1, 2, 3, i], votes: false, background: false };
  });
const batch = (): Batch => ({
  space: undefined,
  width: 8,
  ids: new Int32Array(8).fill(101),
  lengths: new Int32Array([8]),
  seeds: new Uint32Array(4),
  shapes: undefined,
  texts: undefined,
  votes: false,
});

describe('a thread that dies', () => {
  it('gives its batch back', async () => {
    const { workers } = await open(1);
    const dying = workers.threads[0]!.terminate();
    await expect(workers.run(batch())).rejects.toThrow(WorkerLost);
    await dying;
  });

  it('loses nobody’s answer: another thread gives the same one', async () => {
    const opened = await open(2);
    const { batcher, workers } = opened;
    const expected = await Promise.all(tasks(opened, 60).map((task) => batcher.run(task, never)));
    void workers.threads[0]!.terminate();
    const answers = await Promise.all(tasks(opened, 60).map((task) => batcher.run(task, never)));
    expect(answers).toEqual(expected);
  });

  it('is replaced, even when all die at once, and the texts that wait are answered by the new ones', async () => {
    const opened = await open(2);
    const { batcher, workers } = opened;
    const seen: number[] = [];
    workers.onAlive((alive) => seen.push(alive));
    for (const thread of workers.threads) void thread.terminate();
    expect(await Promise.all(tasks(opened, 30).map((task) => batcher.run(task, never)))).toHaveLength(30);
    await expect.poll(() => workers.alive, { timeout: 20_000 }).toBe(2);
    expect(seen).toEqual([1, 0, 1, 2]);
  });

  it('twice under the same text fails that text alone', async () => {
    const opened = await open(1);
    const { batcher, workers } = opened;
    const [victim, bystander] = tasks(opened, 2) as [Task, Task];
    let deaths = 1;
    workers.onAlive((alive) => {
      if (alive === 0 || deaths === 2) return;
      deaths += 1;
      void workers.threads[0]!.terminate();
    });
    void workers.threads[0]!.terminate();
    await expect(batcher.run(victim, never)).rejects.toThrow(WorkerLost);
    expect(deaths).toBe(2);
    expect(await batcher.run(bystander, never)).toHaveProperty('evidence');
  });
});

describe('threads', () => {
  it('start a few at a time, once the first has tried the bundle out, so that another bundle can be served meanwhile', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'replymesh-bundle-'));
    const bundle = await openBundle(await writeTinyBundle(folder), 'support');
    let starting = 0;
    const together: number[] = [];
    const follow = (worker: Worker): void => {
      starting += 1;
      together.push(starting);
      worker.once('message', () => (starting -= 1));
    };
    process.on('worker', follow);
    const workers = await startWorkers(bundle, 8);
    process.off('worker', follow);
    expect([workers.alive, together]).toEqual([8, [1, 1, 2, 1, 2, 1, 2, 1]]);
    await workers.close();
    await rm(folder, { recursive: true });
  });

  it('that cannot open the bundle stop the start with its reason', async () => {
    const { bundle } = await open(1);
    await expect(startWorkers({ ...bundle, dir: '/nowhere' }, 2)).rejects.toThrow(/Bundle \/nowhere: .* is not there/);
  });

  it('answer what they run before they end for good', async () => {
    const { workers } = await open(2);
    const threads = workers.threads;
    const answers = [workers.run(batch()), workers.run(batch())];
    await workers.close();
    expect((await Promise.all(answers)).map((rows) => rows.length)).toEqual([1, 1]);
    expect(threads.map((t) => t.threadId)).toEqual([-1, -1]);
    await expect(workers.run(batch())).rejects.toThrow(/idle/);
  });
});
