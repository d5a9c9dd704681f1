import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CONFIDENCE, lowerBounds, MAX_RELATIVE_ERROR, percentileMs, RESPONSE_TIME, UNCERTAINTY } from './analyticsBins.js';

/** As `binsOf` says it in SQL, from 0. */
const binOf = (ms: number): number => Math.min(RESPONSE_TIME.bins, Math.max(1, Math.ceil((Math.log(ms) / Math.log(2)) * 4))) - 1;
const histogramOf = (values: readonly number[]): number[] => {
  const bins = new Array<number>(RESPONSE_TIME.bins).fill(0);
  for (const ms of values) bins[binOf(ms)]! += 1;
  return bins;
};

describe('a percentile of response times', () => {
  it('is off by no more than it says, from 1 ms to 60 s', () => {
    const times = fc.array(fc.double({ min: 1, max: 60_000, noNaN: true }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(times, fc.constantFrom(0.5, 0.95, 0.99), (values, share) => {
        const sorted = [...values].sort((a, b) => a - b);
        const exact = sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1]!;
        const told = percentileMs(histogramOf(values), share)!;
        expect(Math.abs(told - exact) / exact).toBeLessThanOrEqual(MAX_RELATIVE_ERROR + 1e-9);
      }),
    );
    expect(MAX_RELATIVE_ERROR).toBeLessThan(0.091);
  });

  it('is unknown without any', () => expect(percentileMs(histogramOf([]), 0.5)).toBeUndefined());
});

describe('the bins', () => {
  it('begin at numbers that can be read', () => {
    expect(lowerBounds(CONFIDENCE)).toHaveLength(20);
    expect(lowerBounds(CONFIDENCE).slice(0, 4)).toEqual([0, 0.05, 0.1, 0.15]);
    expect(lowerBounds(UNCERTAINTY).at(-1)).toBe(4.75);
  });
});
