import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binomialTail, normalQuantile, poissonShares, sumOfSquaresLimit } from './distributions.js';

describe('distributions', () => {
  it.each([
    [0.5, 0],
    [0.975, 1.959963985],
    [0.999, 3.090232306],
    [0.0001, -3.719016485],
  ])('the normal quantile of %d is %d', (p, z) => expect(normalQuantile(p)).toBeCloseTo(z, 7));

  it('the normal quantile is odd about one half, and refuses what is no probability', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: 0.5, noNaN: true }), (p) => {
        expect(normalQuantile(p)).toBeCloseTo(-normalQuantile(1 - p), 6);
      }),
    );
    for (const p of [0, 1, -1, Number.NaN]) expect(() => normalQuantile(p)).toThrow(RangeError);
  });

  it.each([
    [8, 10, 0.5, 56 / 1024],
    [10, 10, 0.5, 1 / 1024],
    [1, 3, 0.2, 0.488],
    [0, 5, 0.3, 1],
    [6, 5, 0.3, 0],
  ])('at least %d of %d at %d has the probability %d', (k, n, p, expected) => expect(binomialTail(k, n, p)).toBeCloseTo(expected, 12));

  it('a binomial tail stays a probability with many tries, and falls with every success more', () => {
    expect(binomialTail(50_500, 100_000, 0.5)).toBeCloseTo(0.00079, 4);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 0, max: 300 }), (n, k) => {
        expect(binomialTail(k, n, 0.5)).toBeGreaterThanOrEqual(binomialTail(k + 1, n, 0.5));
        expect(binomialTail(k, n, 0.5) + binomialTail(n - k + 1, n, 0.5)).toBeCloseTo(1, 9);
      }),
    );
  });

  it.each([
    // χ² quantiles: of mean df and variance 2 df.
    [9, 0.95, 16.919],
    [9, 0.999, 27.877],
    [149, 0.999, 208.14],
  ])('a sum of %d squares stays with probability %d below %d', (df, p, limit) =>
    expect(Math.abs(sumOfSquaresLimit(df, 2 * df, normalQuantile(p)) / limit - 1)).toBeLessThan(0.01),
  );

  it('the counts of a Poisson variable share one, with its mean', () => {
    for (const mean of [0.3, 3.3, 30, 500]) {
      const { from, shares } = poissonShares(mean);
      expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 5);
      expect(shares.reduce((sum, share, i) => sum + share * (from + i), 0)).toBeCloseTo(mean, 2);
    }
  });
});
