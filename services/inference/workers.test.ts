import { afterEach, describe, expect, it } from 'vitest';
import type { Task } from './batcher.js';
import { openParts, type Parts } from './inference.fixture.js';

const never = new AbortController().signal;
let parts: Parts | undefined;
afterEach(async () => {
  await parts?.workers.close();
  parts = undefined;
});
const open = async (count: number): Promise<Parts> => {
  parts = await openParts({ workers: count, maxBatch: 4 });
  return parts;
};
const tasks = ({ tokenize }: Parts, count: number): Task[] =>
  Array.from({ length: count }, (_, i) => ({ space: 'support', ids: tokenize(`where is order ${i}`).ids, seed: [1, 2, 3, i] }));

describe('a thread that dies', () => {
  it('loses nobody’s answer: another thread gives the same one', async () => {
    const opened = await open(2);
    const { batcher, workers } = opened;
    const expected = await Promise.all(tasks(opened, 60).map((task) => batcher.run(task, never)));
    const answers = Promise.all(tasks(opened, 60).map((task) => batcher.run(task, never)));
    await expect.poll(() => workers.idle).toBe(0);
    await workers.threads[0]!.terminate();
    expect(await answers).toEqual(expected);
  });

  it('is replaced, even when all die at once, and the texts that wait are answered by the new ones', async () => {
    const opened = await open(2);
    const { batcher, workers } = opened;
    const seen: number[] = [];
    workers.onAlive((alive) => seen.push(alive));
    const answers = Promise.all(tasks(opened, 30).map((task) => batcher.run(task, never)));
    await expect.poll(() => workers.idle).toBe(0);
    await Promise.all(workers.threads.map((thread) => thread.terminate()));
    expect(seen.at(-1)).toBe(0);
    expect(await answers).toHaveLength(30);
    await expect.poll(() => workers.alive, { timeout: 20_000 }).toBe(2);
    expect(seen.at(-1)).toBe(2);
  });

  it('twice under the same text fails that text alone', async () => {
    const opened = await open(1);
    const { batcher, workers } = opened;
    const [victim, bystander] = tasks(opened, 2) as [Task, Task];
    const failed = batcher.run(victim, never).catch((e: Error) => e.name);
    for (let deaths = 0; deaths < 2; deaths++) {
      await expect.poll(() => [workers.alive, workers.idle], { timeout: 20_000, interval: 1 }).toEqual([1, 0]);
      await workers.threads[0]!.terminate();
    }
    expect(await failed).toBe('WorkerLost');
    expect(await batcher.run(bystander, never)).toHaveProperty('evidence');
  });
});

describe('threads', () => {
  it('that cannot open the bundle stop the start with its reason', async () => {
    const { startWorkers } = await import('./workers.js');
    const { bundle } = await open(1);
    await expect(startWorkers({ ...bundle, dir: '/nowhere' }, 2)).rejects.toThrow(/Bundle \/nowhere: .* is not there/);
  });

  it('end for good when they are closed', async () => {
    const { workers } = await open(2);
    const threads = workers.threads;
    await workers.close();
    expect(threads.map((t) => t.threadId)).toEqual([-1, -1]);
    await expect(workers.run({ space: undefined, width: 8, ids: new Int32Array(8), lengths: new Int32Array([8]), seeds: new Uint32Array(4) })).rejects.toThrow(/idle/);
  });
});
