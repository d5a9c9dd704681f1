import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accuracy, auroc, expectedCalibrationError, type Judged, macroF1, negativeLogLikelihood } from './metrics.js';

const row = (label: string, predicted: string, confidence: number): Judged => ({
  label,
  predicted,
  confidence,
  probability: label === predicted ? confidence : 1 - confidence,
});
const scores = fc.array(
  fc.integer({ min: 0, max: 8 }).map((n) => n / 8),
  { minLength: 1, maxLength: 30 },
);

describe('figures of an evaluation', () => {
  it('count what is right', () => {
    const rows = [row('a', 'a', 1), row('a', 'b', 0.5), row('b', 'b', 1)];
    expect(accuracy(rows)).toBeCloseTo(2 / 3);
    expect(macroF1(rows)).toBeCloseTo((2 / 3 + 2 / 3) / 2);
    expect(negativeLogLikelihood(rows)).toBeCloseTo(Math.LN2 / 3);
  });

  it('call a model calibrated when it is right as often as it says', () => {
    const rows = [...Array(8).fill(row('a', 'a', 0.8)), ...Array(2).fill(row('a', 'b', 0.8))];
    expect(expectedCalibrationError(rows)).toBeCloseTo(0);
    expect(expectedCalibrationError([row('a', 'b', 1)])).toBeCloseTo(1);
  });

  it('rank as every pair compared one by one would', () => {
    fc.assert(
      fc.property(scores, scores, (positives, negatives) => {
        const pairs = positives.flatMap((p) => negatives.map((n) => (p > n ? 1 : p === n ? 0.5 : 0) as number));
        expect(auroc(positives, negatives)).toBeCloseTo(pairs.reduce((a, b) => a + b, 0) / pairs.length);
      }),
    );
  });

  it('say nothing about ranking when there is only one kind', () => {
    expect(auroc([], [1])).toBeNull();
  });
});
