import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binned, confidenceDistance, intentDistance, populationStability, shareDifference } from './driftMeasures.js';

const ALPHA = 0.001;

describe('measures of drift', () => {
  it('have their values from the literature', () => {
    // (0.6 − 0.5) ln(0.6 / 0.5) + (0.4 − 0.5) ln(0.4 / 0.5), but for the half row in each bin.
    expect(populationStability([5000, 5000], [6000, 4000], ALPHA).value).toBeCloseTo(0.0405, 4);
    expect(intentDistance([10, 0], [0, 10], ALPHA).value).toBeCloseTo(1, 12);
    // Divergence of (½, ½) and (1, 0) to base 2: 0.311.
    expect(intentDistance([50, 50], [100, 0], ALPHA).value).toBeCloseTo(Math.sqrt(0.3113), 3);
    expect(shareDifference({ count: 10, rows: 100 }, { count: 30, rows: 100 }, ALPHA).value).toBeCloseTo(0.2, 12);
    // All of the window below the median of the reference.
    const quantiles = Array.from({ length: 101 }, (_, i) => i / 100);
    const low = Array.from({ length: 1000 }, (_, i) => i / 2000);
    expect(confidenceDistance(quantiles, 1000, low, ALPHA).value).toBeCloseTo(0.49, 2);
  });

  it('are none between a thing and itself', () => {
    const counts = fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 2, maxLength: 30 }).filter((list) => list.some((n) => n > 0));
    fc.assert(
      fc.property(counts, (list) => {
        expect(populationStability(list, list, ALPHA).value).toBeCloseTo(0, 9);
        expect(intentDistance(list, list, ALPHA).value).toBeCloseTo(0, 6);
      }),
    );
  });

  it('allow chance more in few rows than in many', () => {
    const of = (rows: number) => [
      intentDistance(new Array(50).fill(100), new Array(50).fill(rows / 50), ALPHA).limit,
      populationStability(new Array(10).fill(50), new Array(10).fill(rows / 10), ALPHA).limit,
      confidenceDistance(new Array(101).fill(0.5), 5000, new Array(rows).fill(0.5), ALPHA).limit,
      shareDifference({ count: 500, rows: 5000 }, { count: rows / 10, rows }, ALPHA).limit,
    ];
    const [few, many] = [of(100), of(1000)];
    for (const [i, limit] of few.entries()) expect(limit).toBeGreaterThan(many[i]!);
  });

  it('bin every value once, those on an edge above it', () => {
    expect(binned({ edges: [0.1, 0.5] }, [0, 0.1, 0.3, 0.5, 1])).toEqual([1, 2, 2]);
  });
});
