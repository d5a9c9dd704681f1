import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RetryInfo, RichServerError } from 'nice-grpc-error-details';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Task } from './batch.js';
import { openBatcher } from './batcher.js';
import { openParts } from './inference.fixture.js';
import type { LoadedBundle } from './loadBundle.js';
import type { RowResult } from './models.js';
import type { Workers } from './workers.js';

const never = new AbortController().signal;
/** Threads that are busy until the test lets them go. */
function heldThreads(count: number) {
  const running: { readonly first: number; finish(): void }[] = [];
  const workers: Workers = {
    alive: count,
    get idle() {
      return count - running.length;
    },
    bearsCompany: true,
    threads: [],
    run: (batch) =>
      new Promise((resolve) => {
        const rows = Array.from(batch.lengths, () => ({ embedding: new Float32Array(), evidence: undefined, sentiment: undefined, nameClasses: undefined }));
        const finish = (): void => {
          running.splice(running.indexOf(one), 1);
          resolve(rows);
        };
        const one = { first: batch.ids[0]!, finish };
        running.push(one);
      }),
    onChange: () => {},
    onAlive: () => {},
    close: async () => {},
  };
  return { workers, running: () => running.map((one) => one.first), finish: () => running[0]!.finish() };
}

describe('a text in the background', () => {
  const clock = { ms: 0 };
  const open = (count: number) => {
    const threads = heldThreads(count);
    const limits = { maxQueued: 100, maxBatch: 1, maxTokens: 8, padTokenId: 0, bytePadTokenId: 0 };
    const batcher = openBatcher(threads.workers, limits, () => clock.ms);
    const come = async (id: number, background: boolean): Promise<void> => {
      const inputs = { ids: Int32Array.of(id), byteIds: new Int32Array(), features: undefined, truncated: false };
      void batcher.run({ space: undefined, inputs, seed: [0, 0, 0, 0], votes: false, background }, never);
      await nextTurn();
    };
    const finish = async (): Promise<void> => {
      threads.finish();
      await nextTurn();
      await nextTurn();
    };
    return { ...threads, come, finish };
  };

  it('leaves one of several threads to those who wait for an answer', async () => {
    const { come, running } = open(3);
    for (const id of [1, 2, 3]) await come(id, true);
    expect(running()).toEqual([1, 2]);
    await come(9, false);
    expect(running()).toEqual([1, 2, 9]);
  });

  it('lets those go first who come later and wait for an answer', async () => {
    const { come, finish, running } = open(1);
    await come(1, true);
    await come(2, true);
    await come(9, false);
    expect(running()).toEqual([1]);
    await finish();
    expect(running()).toEqual([9]);
    await finish();
    expect(running()).toEqual([2]);
  });

  it('is not put off for ever', async () => {
    const { come, finish, running } = open(1);
    await come(1, true);
    await come(2, true);
    clock.ms += 60_000;
    await come(9, false);
    await finish();
    expect(running()).toEqual([2]);
  });
});

describe('with real threads', () => {
  let parts: LoadedBundle;
  beforeAll(async () => {
    parts = await openParts({ workers: 1, maxQueued: 40, maxBatch: 8 });
  });
  afterAll(() => parts.workers.close());

  const task = (text: string, space: string | undefined = 'support'): Task => ({
    space,
    inputs: parts.read(text),
    seed: [1, 2, 3, text.length],
    votes: false,
    background: false,
  });
  const answer = (text: string, signal = never): Promise<RowResult> => parts.batcher.run(task(text), signal);
  const TEXTS = [
    'Where is my refund?',
    'I want to cancel my order',
    'how do I change the shipping address of my last order please',
    'what are the cancellation fees for my subscription and when do I have to pay them, I could not find it on your page',
    'help',
    'talk to a human!',
    'you overcharged me 49.90 on my invoice, this is the third time already and I am still waiting for an answer',
    'ok',
  ];

  it('a text gets the same answer to the last bit, alone or among others, whatever their number, order and length', async () => {
    const alone: RowResult[] = [];
    for (const text of TEXTS) alone.push(await answer(text));
    const together = await Promise.all(TEXTS.map((text) => answer(text)));
    expect(together).toEqual(alone);
    const shuffled = [...TEXTS, ...TEXTS.map((t) => `${t} thanks`)].reverse();
    const mixed = await Promise.all(shuffled.map((text) => answer(text)));
    for (const [i, text] of TEXTS.entries()) expect(mixed[shuffled.indexOf(text)], text).toEqual(alone[i]);
  });

  it('a full queue refuses the next text and says when to come back', async () => {
    const settled = await Promise.allSettled(Array.from({ length: 60 }, (_, i) => answer(`order ${i}`)));
    const refused = settled.flatMap((s) => (s.status === 'rejected' ? [s.reason as RichServerError & { reason: string }] : []));
    expect([settled.length - refused.length, refused.length]).toEqual([40, 20]);
    for (const error of refused) {
      expect(error.reason).toBe('INFERENCE_BUSY');
      const retry = error.extra.find((d) => d.$type === 'google.rpc.RetryInfo') as RetryInfo;
      expect(retry.retryDelay!.seconds * 1000 + retry.retryDelay!.nanos / 1e6).toBeGreaterThanOrEqual(20);
    }
  });

  it('a text whose caller has gone leaves the queue and makes room', async () => {
    const leave = new AbortController();
    const left = Array.from({ length: 40 }, (_, i) => answer(`cancel ${i}`, leave.signal).catch((e: Error) => e.name));
    leave.abort();
    const next = await Promise.all(Array.from({ length: 40 }, (_, i) => answer(`cancel ${i}`)));
    expect(next).toHaveLength(40);
    expect(new Set(await Promise.all(left))).toEqual(new Set(['AbortError']));
    await expect(answer('gone before it came', AbortSignal.abort())).rejects.toThrow(/gone/);
  });
});
