import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pairedTest } from './pairedTest.js';

const counts = (championRight: number, challengerRight: number, bothRight = 0, neitherRight = 0) => ({
  championRight,
  challengerRight,
  bothRight,
  neitherRight,
});

describe('the paired test', () => {
  it.each([
    // R: binom.test(c, b + c), two-sided and alternative = "greater".
    [2, 10, 0.03857421875, 0.019287109375],
    [0, 5, 0.0625, 0.03125],
    [5, 5, 1, 0.623046875],
    [10, 2, 0.03857421875, 0.996826171875],
  ])('gives of %d and %d single successes the p-values %d and %d', (b, c, twoSided, oneSided) => {
    const test = pairedTest(counts(b, c, 50))!;
    expect([test.twoSidedP, test.oneSidedP]).toEqual([expect.closeTo(twoSided, 10), expect.closeTo(oneSided, 10)]);
  });

  it('says by how much, within an interval that holds it', () => {
    // Bonett and Price 2012: differences of (c + 1) and (b + 1) of n + 2.
    expect(pairedTest(counts(5, 15, 70, 10))).toMatchObject({
      accuracyDifference: expect.closeTo(0.1, 12),
      differenceLow: expect.closeTo(0.00994, 5),
      differenceHigh: expect.closeTo(0.18614, 5),
    });
  });

  it('says nothing where no label tells the two apart', () => expect(pairedTest(counts(0, 0, 30, 3))).toBeUndefined());

  it('takes neither side: exchanged, the difference turns and the p-value stays', () => {
    const some = fc.integer({ min: 0, max: 200 });
    fc.assert(
      fc.property(some, some, some, some, (b, c, both, neither) => {
        const [one, other] = [pairedTest(counts(b, c, both, neither)), pairedTest(counts(c, b, both, neither))];
        expect(one === undefined).toBe(b + c === 0);
        if (!one || !other) return;
        expect(one.twoSidedP).toBe(other.twoSidedP);
        expect(one.accuracyDifference).toBeCloseTo(-other.accuracyDifference, 12);
        expect(one.differenceLow).toBeCloseTo(-other.differenceHigh, 12);
        expect(one.differenceLow).toBeLessThanOrEqual(one.differenceHigh);
        expect(one.twoSidedP).toBeGreaterThan(0);
        expect(one.twoSidedP).toBeLessThanOrEqual(1);
      }),
    );
  });

  /** How often a challenger that is no better passes, looked at after each message that tells the two apart, from the tenth on. */
  const passesByChance = (alpha: number, most: number): number => {
    let going = new Map([[0, 1]]);
    let passed = 0;
    for (let apart = 1; apart <= most; apart += 1) {
      const next = new Map<number, number>();
      for (const [won, share] of going) for (const now of [won, won + 1]) next.set(now, (next.get(now) ?? 0) + share / 2);
      for (const [won, share] of apart < 10 ? [] : next) {
        if (pairedTest(counts(apart - won, won))!.oneSidedP > alpha) continue;
        passed += share;
        next.delete(won);
      }
      going = next;
    }
    return passed;
  };

  it('looked at again and again passes by chance in 1 of 20 cases with 0.01, and in nearly 1 of 5 with 0.05', () => {
    expect([passesByChance(0.01, 100), passesByChance(0.05, 100)]).toEqual([expect.closeTo(0.0476, 4), expect.closeTo(0.1843, 4)]);
  });
});
