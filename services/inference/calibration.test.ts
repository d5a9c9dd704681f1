import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { confidenceOf, energy, logSoftmax, outOfScopeScore, pool, predictionSet, ranked, softmax } from './calibration.js';

const logits = fc.array(fc.float({ min: -50, max: 50, noNaN: true }), { minLength: 2, maxLength: 40 });
const temperature = fc.double({ min: 0.05, max: 20, noNaN: true });
const sum = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0);
const expectNear = (actual: ArrayLike<number>, wanted: ArrayLike<number>, digits: number): void => {
  for (let i = 0; i < wanted.length; i++) expect(actual[i]).toBeCloseTo(wanted[i]!, digits);
};
const vote = (probabilities: number[], weight: number) => ({ logProbabilities: Float64Array.from(probabilities, Math.log), weight });

const upTo = (threshold: number) => ({ coverage: 0.95, threshold, leastProbability: 0 });

describe('calibrated probabilities', () => {
  it('sum to one and keep the order of the logits at any temperature', () => {
    fc.assert(
      fc.property(logits, temperature, (row, t) => {
        const p = softmax(row, row.length, t);
        expect(sum(p)).toBeCloseTo(1, 9);
        const inOrder = [...row.keys()].sort((i, j) => row[i]! - row[j]!);
        for (const [n, i] of inOrder.slice(1).entries()) expect(p[i]!).toBeGreaterThanOrEqual(p[inOrder[n]!]!);
      }),
    );
  });

  it('do not change when every logit moves by the same amount, and grow flatter with the temperature', () => {
    fc.assert(
      fc.property(logits, fc.integer({ min: -100, max: 100 }), (row, shift) => {
        const p = softmax(row, row.length, 1);
        const moved = row.map((x) => x + shift);
        expectNear(softmax(moved, row.length, 1), p, 6);
        expect(Math.max(...softmax(row, row.length, 2))).toBeLessThanOrEqual(Math.max(...p) + 1e-12);
      }),
    );
  });

  it('stay finite for logits that overflow an exponential', () => {
    expect([...softmax([1000, 0, -1000], 3, 1)]).toEqual([1, 0, 0]);
    expect([...logSoftmax([1000, 0], 2, 1)]).toEqual([0, -1000]);
    expect(energy([1000, 1000], 2)).toBeCloseTo(-1000 - Math.LN2, 9);
  });

  it('read the row they are asked for', () => {
    expect([...softmax([0, 0, 9, 9, 1, 1], 2, 1, 2)]).toEqual([0.5, 0.5]);
    expect(energy([0, 0, 3, 3], 2, 1)).toBeCloseTo(-3 - Math.LN2, 12);
  });
});

describe('the pool of several models', () => {
  it('of one model with weight 1 is that model', () => {
    const p = [0.7, 0.2, 0.1];
    expectNear(pool([vote(p, 1)]), p, 12);
  });

  it('ignores a model of weight 0, even one that calls a label impossible', () => {
    const alone = pool([vote([0.7, 0.3], 1)]);
    expect(pool([vote([0.7, 0.3], 1), vote([0, 1], 0)])).toEqual(alone);
  });

  it('is sharper than its members when their weights sum to more than 1, and does not depend on their order', () => {
    const [a, b] = [vote([0.6, 0.3, 0.1], 0.8), vote([0.7, 0.1, 0.2], 0.9)];
    expect(pool([a, b])[0]).toBeGreaterThan(0.7);
    expectNear(pool([b, a]), pool([a, b]), 12);
  });

  it('refuses votes over different labels', () => {
    expect(() => pool([vote([0.5, 0.5], 1), vote([1], 1)])).toThrow(RangeError);
    expect(() => pool([])).toThrow(RangeError);
  });
});

describe('candidates and prediction sets', () => {
  const probabilities = logits.map((row) => softmax(row, row.length, 3));

  it('list the likeliest first, equal ones in the order of the label space', () => {
    expect(ranked([0.2, 0.4, 0.2, 0.2]).map((c) => c.index)).toEqual([1, 0, 2, 3]);
    fc.assert(fc.property(probabilities, (p) => ranked(p).every((c, i, all) => i === 0 || all[i - 1]!.probability >= c.probability)));
  });

  it('hold the fewest labels that reach the threshold, never none, and all when nothing reaches it', () => {
    fc.assert(
      fc.property(probabilities, fc.double({ min: 0.01, max: 1, noNaN: true }), (p, threshold) => {
        const all = ranked(p);
        const set = predictionSet(all, upTo(threshold));
        expect(set.length).toBeGreaterThan(0);
        expect(set).toEqual(all.slice(0, set.length));
        if (set.length < all.length) expect(sum(set.map((c) => c.probability))).toBeGreaterThanOrEqual(threshold - 1e-9);
        expect(sum(set.slice(0, -1).map((c) => c.probability))).toBeLessThan(threshold);
      }),
    );
    expect(predictionSet(ranked([0.5, 0.4999]), upTo(1))).toHaveLength(2);
  });

  it('of the least ambiguous kind hold the first label and those of at least the probability, in order', () => {
    fc.assert(
      fc.property(probabilities, fc.double({ min: 0.001, max: 1, noNaN: true }), (p, least) => {
        const all = ranked(p);
        const set = predictionSet(all, { coverage: 0.95, threshold: 0, leastProbability: least });
        expect(set).toEqual(all.slice(0, set.length));
        expect(set.length).toBeGreaterThan(0);
        expect(set.length).toBe(Math.max(1, all.filter((c) => c.probability >= least).length));
      }),
    );
  });

  it('never shrink when more coverage is asked for', () => {
    fc.assert(
      fc.property(probabilities, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (p, threshold) => {
        const all = ranked(p);
        return predictionSet(all, upTo(threshold)).length <= predictionSet(all, upTo(Math.min(1, threshold + 0.01))).length;
      }),
    );
  });
});

describe('the confidence', () => {
  const spec = { bias: -0.2, slope: 0.9, mutualInformation: 3, disagreement: 2 };
  const share = fc.double({ min: 0, max: 1, noNaN: true });

  it('is the probability itself where nothing was fitted', () => {
    fc.assert(fc.property(share, (p) => confidenceOf(p, 0.1, 0.1, undefined) === p));
  });

  it('stays within 0 and 1, rises with the probability, and falls with each kind of doubt', () => {
    fc.assert(
      fc.property(share, share, share, (p, mutual, disagreement) => {
        const sure = confidenceOf(p, mutual, disagreement, spec);
        expect(sure).toBeGreaterThanOrEqual(0);
        expect(sure).toBeLessThanOrEqual(1);
        expect(confidenceOf(Math.min(1, p + 0.1), mutual, disagreement, spec)).toBeGreaterThanOrEqual(sure);
        expect(confidenceOf(p, mutual + 0.1, disagreement, spec)).toBeLessThanOrEqual(sure);
        expect(confidenceOf(p, mutual, disagreement + 0.1, spec)).toBeLessThanOrEqual(sure);
      }),
    );
  });
});

describe('the out-of-scope score', () => {
  const at = (location: number, scale: number, distanceWeight = 0) => ({ location, scale, distanceWeight });
  it('is one half at its location, rises with the energy, and stays within 0 and 1', () => {
    expect(outOfScopeScore(-4, 9, at(-4, 2))).toBe(0.5);
    fc.assert(
      fc.property(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.double({ min: 0, max: 100, noNaN: true }), (e, more) => {
        const [low, high] = [outOfScopeScore(e, 0.1, at(-3, 1.5, 5)), outOfScopeScore(e + more, 0.1, at(-3, 1.5, 5))];
        expect(low).toBeGreaterThanOrEqual(0);
        expect(high).toBeLessThanOrEqual(1);
        expect(high).toBeGreaterThanOrEqual(low);
      }),
    );
  });

  it('is lower for a text that one label fits well than for one that none fits', () => {
    expect(energy([9, 0, 0], 3)).toBeLessThan(energy([1, 0, 0], 3));
  });
});
