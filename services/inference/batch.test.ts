import { describe, expect, it } from 'vitest';
import { TEXT_FEATURES } from '../../lib/textFeatures.js';
import { batchOf, buffersOf, repeated, type Task } from './batch.js';
import { featuresOf } from './features.js';

const PADDING = { padTokenId: 9, bytePadTokenId: 1 };

const task = (ids: number[], more: { bytes?: number[]; text?: string; space?: string | undefined; first?: number } = {}): Task => ({
  space: 'space' in more ? more.space : 'support',
  votes: false,
  background: false,
  seed: [more.first ?? 0, 2, 3, 4],
  inputs: {
    ids: Int32Array.from(ids),
    byteIds: Int32Array.from(more.bytes ?? []),
    features: more.text === undefined ? undefined : featuresOf(more.text),
    truncated: false,
  },
});

describe('a batch', () => {
  it('fills shorter rows up to its width, and knows where they end', () => {
    const { ids, lengths, width } = batchOf([task([101, 5, 102]), task([101, 102])], 4, PADDING);
    expect([...ids]).toEqual([101, 5, 102, 9, 101, 102, 9, 9]);
    expect([[...lengths], width]).toEqual([[3, 2], 4]);
  });

  it('keeps the seeds of its rows in their order', () => {
    const { seeds } = batchOf([task([1], { first: 7 }), task([1], { first: 8 })], 1, PADDING);
    expect([...seeds]).toEqual([7, 2, 3, 4, 8, 2, 3, 4]);
  });

  it('fills byte-level rows up to a multiple of four with their own padding', () => {
    const { texts } = batchOf([task([1], { bytes: [0, 7, 8, 9, 2] }), task([1], { bytes: [0, 2] })], 1, PADDING);
    expect(texts!.byteWidth).toBe(8);
    expect([...texts!.byteIds]).toEqual([0, 7, 8, 9, 2, 1, 1, 1, 0, 2, 1, 1, 1, 1, 1, 1]);
    expect([...texts!.byteLengths]).toEqual([5, 2]);
  });

  it('fills n-grams up to a multiple of 64 with bucket 0, counted 0', () => {
    const [short, long] = ['refund', 'where is the refund for my last order of shoes'];
    const { texts } = batchOf([task([1], { text: short }), task([1], { text: long })], 1, PADDING);
    const [a, b] = [featuresOf(short), featuresOf(long)];
    const { ngramWidth: width, ngrams, ngramCounts, features } = texts!;
    expect(b.ngrams.length).toBeGreaterThan(64);
    expect(width).toBe(Math.ceil(b.ngrams.length / 64) * 64);
    expect([...ngrams.subarray(0, width)]).toEqual([...a.ngrams, ...Array(width - a.ngrams.length).fill(0)]);
    expect([...ngramCounts.subarray(width)]).toEqual([...b.ngramCounts, ...Array(width - b.ngrams.length).fill(0)]);
    expect([...features.subarray(TEXT_FEATURES.length)]).toEqual([...b.values]);
  });

  it('of texts without any n-gram still has room for one', () => {
    expect(batchOf([task([1], { text: '' })], 1, PADDING).texts!.ngramWidth).toBe(64);
  });

  it('has no byte-level tokens and no n-grams where the bundle reads none', () => {
    const { texts } = batchOf([task([1])], 1, PADDING);
    expect([texts!.byteWidth, texts!.ngramWidth, texts!.features.length]).toEqual([0, 0, 0]);
  });

  it('of embeddings alone has tokens alone', () => {
    expect(batchOf([task([1], { space: undefined, bytes: [0, 2], text: 'refund' })], 1, PADDING).texts).toBeUndefined();
  });

  it('hands all of its memory over, each part once', () => {
    const batch = batchOf([task([1], { bytes: [0, 2], text: 'refund' })], 1, PADDING);
    expect(new Set(buffersOf(batch)).size).toBe(8);
    expect(buffersOf(batchOf([task([1], { space: undefined })], 1, PADDING))).toHaveLength(3);
  });
});

describe('a batch said again', () => {
  const once = batchOf(
    [task([101, 102], { bytes: [0, 2], text: 'refund' }), task([101], { text: 'a?', bytes: [0], first: 5 })],
    2,
    PADDING,
  );

  it('has every row as often, in turn, at the same widths', () => {
    const thrice = repeated(once, 3);
    const turns = <A extends Iterable<number>>(array: A): number[] => [...array, ...array, ...array];
    expect([...thrice.ids]).toEqual(turns(once.ids));
    expect([...thrice.lengths]).toEqual(turns(once.lengths));
    expect([...thrice.seeds]).toEqual(turns(once.seeds));
    expect([thrice.width, thrice.texts!.byteWidth, thrice.texts!.ngramWidth]).toEqual([2, once.texts!.byteWidth, once.texts!.ngramWidth]);
    for (const part of ['byteIds', 'byteLengths', 'ngrams', 'ngramCounts', 'features'] as const) {
      expect([...thrice.texts![part]], part).toEqual(turns(once.texts![part]));
    }
  });

  it('leaves the batch itself as it was', () => {
    const before = structuredClone(once);
    repeated(once, 2).ids.fill(0);
    expect(once).toEqual(before);
  });
});
