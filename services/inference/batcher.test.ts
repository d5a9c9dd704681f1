import fc from 'fast-check';
import type { RetryInfo, RichServerError } from 'nice-grpc-error-details';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Task } from './batch.js';
import { nextBatch } from './batcher.js';
import { openParts } from './inference.fixture.js';
import type { LoadedBundle } from './loadBundle.js';
import type { RowResult } from './models.js';

const never = new AbortController().signal;
const entry = (id: number, width = 16, alone = false, space: string | undefined = 'support') => ({
  id,
  width,
  alone,
  task: { space, votes: false },
});
const idsOf = (entries: readonly { id: number }[]) => entries.map((e) => e.id);

describe('the next batch', () => {
  it('starts with the oldest text and takes others of its length and label space, in order', () => {
    const [batch, rest] = nextBatch(
      [entry(1), entry(2, 32), entry(3), { ...entry(4), task: { space: undefined, votes: false } }, entry(5)],
      16,
    );
    expect([idsOf(batch), idsOf(rest)]).toEqual([
      [1, 3, 5],
      [2, 4],
    ]);
  });

  it('takes in narrower texts while it is small, but not much narrower ones, and none once it is large enough', () => {
    expect(idsOf(nextBatch([entry(1, 16), entry(2, 12), entry(3, 4), entry(4, 20), entry(5, 16)], 16)[0])).toEqual([1, 5, 2]);
    const many = [entry(1), entry(2), entry(3), entry(4), entry(5, 12)];
    expect(idsOf(nextBatch(many, 16)[0])).toEqual([1, 2, 3, 4]);
  });

  it('is small when its texts are long, so that short ones behind it do not wait', () => {
    const queue = Array.from({ length: 40 }, (_, i) => entry(i, 256));
    expect(nextBatch(queue, 32)[0]).toHaveLength(4);
  });

  it('keeps those who ask for every vote apart', () => {
    const all = { ...entry(2), task: { space: 'support', votes: true } };
    expect(idsOf(nextBatch([entry(1), all, entry(3)], 16)[0])).toEqual([1, 3]);
  });

  it('holds a text that took a thread down before alone', () => {
    const bad = entry(1, 16, true);
    expect(idsOf(nextBatch([bad, entry(2)], 16)[0])).toEqual([1]);
    expect(idsOf(nextBatch([entry(2), bad, entry(3)], 16)[0])).toEqual([2, 3]);
  });

  it('loses and doubles nobody', () => {
    const entries = fc.array(fc.tuple(fc.constantFrom(16, 32, 256), fc.constantFrom('support', undefined), fc.boolean()));
    fc.assert(
      fc.property(entries, fc.integer({ min: 1, max: 64 }), (kinds, maxBatch) => {
        const queue = kinds.map(([width, space, alone], id) => ({ ...entry(id, width, alone), task: { space, votes: false } }));
        const [batch, rest] = nextBatch(queue, maxBatch);
        expect(idsOf([...batch, ...rest]).sort((a, b) => a - b)).toEqual(idsOf(queue));
        expect(idsOf(rest)).toEqual([...idsOf(rest)].sort((a, b) => a - b));
        expect(batch.length).toBeLessThanOrEqual(maxBatch);
        expect(batch.length > 0).toBe(queue.length > 0);
      }),
    );
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
