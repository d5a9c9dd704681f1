import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextBatch } from './nextBatch.js';

const entry = (
  id: number,
  width = 16,
  more: { alone?: boolean; space?: string | undefined; votes?: boolean; background?: boolean } = {},
) => {
  const { alone = false, votes = false, background = false } = more;
  return { id, width, alone, task: { space: 'space' in more ? more.space : 'support', votes, background } };
};
const next = (queue: readonly ReturnType<typeof entry>[], maxBatch = 16, withBackground = true): number[] =>
  nextBatch(queue, maxBatch, withBackground).map((e) => e.id);

describe('the next batch', () => {
  it('starts with the first text and takes others of its length and label space, in order', () => {
    expect(next([entry(1), entry(2, 32), entry(3), entry(4, 16, { space: undefined }), entry(5)])).toEqual([1, 3, 5]);
  });

  it('takes in narrower texts while it is small, but not much narrower ones, and none once it is large enough', () => {
    expect(next([entry(1, 16), entry(2, 12), entry(3, 4), entry(4, 20), entry(5, 16)])).toEqual([1, 5, 2]);
    expect(next([entry(1), entry(2), entry(3), entry(4), entry(5, 12)])).toEqual([1, 2, 3, 4]);
  });

  it('is small when its texts are long, so that short ones behind it do not wait', () => {
    const long = Array.from({ length: 40 }, (_, i) => entry(i, 256));
    expect(next(long, 32)).toHaveLength(4);
    expect(next(long.map(({ id, width }) => entry(id, width, { background: true })))).toHaveLength(1);
  });

  it('keeps those who ask for every vote apart, and those in the background', () => {
    expect(next([entry(1), entry(2, 16, { votes: true }), entry(3)])).toEqual([1, 3]);
    expect(next([entry(1, 16, { background: true }), entry(2), entry(3, 16, { background: true })])).toEqual([1, 3]);
  });

  it('passes over the background where that may not run', () => {
    const queue = [entry(1, 16, { background: true }), entry(2), entry(3, 16, { background: true }), entry(4)];
    expect([next(queue, 16, false), next(queue.slice(0, 1), 16, false)]).toEqual([[2, 4], []]);
  });

  it('holds a text that took a thread down before alone', () => {
    const bad = entry(1, 16, { alone: true });
    expect(next([bad, entry(2)])).toEqual([1]);
    expect(next([entry(2), bad, entry(3)])).toEqual([2, 3]);
  });

  it('is of the queue, holds nobody twice, and is not empty while somebody may run', () => {
    const kinds = fc.record({ alone: fc.boolean(), space: fc.constantFrom('support', undefined), background: fc.boolean() });
    const entries = fc.array(fc.tuple(fc.constantFrom(16, 32, 256), kinds));
    fc.assert(
      fc.property(entries, fc.integer({ min: 1, max: 64 }), fc.boolean(), (all, maxBatch, withBackground) => {
        const queue = all.map(([width, kind], id) => entry(id, width, kind));
        const batch = next(queue, maxBatch, withBackground);
        const runnable = queue.filter((e) => withBackground || !e.task.background).map((e) => e.id);
        expect(batch.every((id) => runnable.includes(id))).toBe(true);
        expect(new Set(batch).size).toBe(batch.length);
        expect(batch.length).toBeLessThanOrEqual(maxBatch);
        expect(batch[0]).toBe(runnable[0]);
      }),
    );
  });
});
