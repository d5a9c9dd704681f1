import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawMask, dropoutSeed, seedWords } from './dropout.js';

/** The generator once more, slowly, with exact integers. */
function referenceBytes(words: readonly number[], count: number): number[] {
  const bits = (1n << 32n) - 1n;
  const rotl = (x: bigint, k: bigint) => ((x << k) | (x >> (32n - k))) & bits;
  let [s0, s1, s2, s3] = words.map(BigInt) as [bigint, bigint, bigint, bigint];
  const bytes: number[] = [];
  while (bytes.length < count) {
    const word = (rotl((s1 * 5n) & bits, 7n) * 9n) & bits;
    for (let i = 0n; i < 4n; i++) bytes.push(Number((word >> (8n * i)) & 255n));
    const t = (s1 << 9n) & bits;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= t;
    s3 = rotl(s3, 11n);
  }
  return bytes;
}
const word = fc.integer({ min: 0, max: 0xffffffff });
const state = fc.tuple(word, word, word, word).filter((s) => s.some((w) => w !== 0));

describe('dropout masks', () => {
  it('come from the published generator: the state 1, 2, 3, 4 gives the words of its reference implementation', () => {
    const words = [11520, 0, 5927040, 70819200, 2031721600, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804];
    const expected = words.flatMap((w) => [w & 255, (w >>> 8) & 255, (w >>> 16) & 255, w >>> 24]);
    for (const dropBelow of [1, 77, 128, 255]) {
      const mask = new Uint8Array(40);
      drawMask([1, 2, 3, 4], mask, dropBelow);
      expect([...mask]).toEqual(expected.map((b) => (b >= dropBelow ? 1 : 0)));
    }
  });

  it('hold the same bits for every state as exact integer arithmetic gives', () => {
    fc.assert(
      fc.property(state, fc.integer({ min: 1, max: 255 }), fc.integer({ min: 1, max: 64 }), (words, dropBelow, quads) => {
        const mask = new Uint8Array(quads * 4);
        drawMask(words, mask, dropBelow);
        expect([...mask]).toEqual(referenceBytes(words, quads * 4).map((b) => (b >= dropBelow ? 1 : 0)));
      }),
    );
  });

  it('drop about as many units as they promise', () => {
    const mask = new Uint8Array(30 * 384 * 20);
    drawMask(seedWords(dropoutSeed('demo', 'Where is my refund?', '')), mask, 51);
    const kept = mask.reduce((sum, bit) => sum + bit, 0) / mask.length;
    expect(kept).toBeCloseTo(1 - 51 / 256, 2);
  });

  it('start from SHA-256 of tenant, text and bundle, so that none of the three can be swapped for another', () => {
    const seed = dropoutSeed('demo', 'grüße 👋', 'ab');
    expect(Buffer.from(seed)).toEqual(createHash('sha256').update('demo\0grüße 👋\0ab').digest());
    const others = [dropoutSeed('dem', 'ogrüße 👋', 'ab'), dropoutSeed('demo', 'grüße 👋', 'ac'), dropoutSeed('demo', 'grüße', 'ab')];
    for (const other of others) expect(Buffer.from(other)).not.toEqual(Buffer.from(seed));
  });

  it('read the seed as little-endian words and never start from four zeros', () => {
    expect(seedWords(Uint8Array.from([1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 3, 0, 255, 255, 255, 255, 9, 9]))).toEqual([
      1, 512, 196608, 0xffffffff,
    ]);
    expect(seedWords(new Uint8Array(32))).toEqual([1, 0, 0, 0]);
    expect(() => seedWords(new Uint8Array(15))).toThrow(RangeError);
  });

  it('refuse a size that is no multiple of four', () => {
    expect(() => drawMask([1, 2, 3, 4], new Uint8Array(6), 51)).toThrow(RangeError);
  });
});
