import { afterEach, describe, expect, it } from 'vitest';
import type { Batch, Task } from './batch.js';
import { openParts } from './inference.fixture.js';
import type { LoadedBundle } from './loadBundle.js';
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
  Array.from({ length: count }, (_, i) => ({ space: 'support', inputs: read(`where is order ${i}`), seed: [1, 2, 3, i], votes: false }));
const batch = (): Batch => ({
  space: undefined,
  width: 8,
  ids: new Int32Array(8).fill(101),
  lengths: new Int32Array([8]),
  seeds: new Uint32Array(4),
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
