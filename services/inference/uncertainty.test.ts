import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { entropyNats, meanOfRows, voteEntropies } from './uncertainty.js';

const distribution = (classes: number) =>
  fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: classes, maxLength: classes }).map((raw) => {
    const sum = raw.reduce((a, b) => a + b, 0);
    return sum > 0 ? raw.map((x) => x / sum) : raw.map((_, i) => (i === 0 ? 1 : 0));
  });
/** T rows of C probabilities. */
const votes = fc
  .integer({ min: 2, max: 12 })
  .chain((classes) => fc.array(distribution(classes), { minLength: 1, maxLength: 20 }).map((rows) => ({ classes, rows })));
const flat = (rows: readonly (readonly number[])[]) => Float64Array.from(rows.flat());

describe('the uncertainty of an answer', () => {
  it('is 0 nats for a sure model and ln C for one that guesses', () => {
    expect(entropyNats([1, 0, 0])).toBe(0);
    expect(entropyNats(Array(27).fill(1 / 27))).toBeCloseTo(Math.log(27), 12);
  });

  it('is all epistemic when sure models contradict each other, and all aleatoric when they agree to be unsure', () => {
    const contradiction = voteEntropies(
      flat([
        [1, 0],
        [0, 1],
      ]),
      2,
    );
    expect(contradiction).toEqual({ predictiveNats: Math.log(2), expectedNats: 0, mutualInformationNats: Math.log(2) });
    const agreement = voteEntropies(
      flat([
        [0.5, 0.5],
        [0.5, 0.5],
      ]),
      2,
    );
    expect(agreement.expectedNats).toBeCloseTo(Math.log(2), 12);
    expect(agreement.mutualInformationNats).toBe(0);
  });

  it('stays within 0 and ln C, and its parts add up', () => {
    fc.assert(
      fc.property(votes, ({ classes, rows }) => {
        const { predictiveNats, expectedNats, mutualInformationNats } = voteEntropies(flat(rows), classes);
        const most = Math.log(classes) + 1e-9;
        for (const nats of [predictiveNats, expectedNats, mutualInformationNats]) {
          expect(nats).toBeGreaterThanOrEqual(0);
          expect(nats).toBeLessThanOrEqual(most);
        }
        expect(expectedNats + mutualInformationNats).toBeCloseTo(predictiveNats, 12);
      }),
    );
  });

  it('has no epistemic part with one sample, or with equal ones', () => {
    fc.assert(
      fc.property(distribution(5), fc.integer({ min: 1, max: 30 }), (row, times) => {
        const { mutualInformationNats } = voteEntropies(flat(Array(times).fill(row)), 5);
        expect(mutualInformationNats).toBeLessThan(1e-12);
        expect(mutualInformationNats).toBeGreaterThanOrEqual(0);
        expect(voteEntropies(flat([row]), 5).mutualInformationNats).toBe(0);
      }),
    );
  });

  it('does not depend on the order of samples or labels', () => {
    fc.assert(
      fc.property(votes, ({ classes, rows }) => {
        const one = voteEntropies(flat(rows), classes);
        const other = voteEntropies(flat([...rows].reverse().map((row) => [...row].reverse())), classes);
        expect(other.predictiveNats).toBeCloseTo(one.predictiveNats, 10);
        expect(other.mutualInformationNats).toBeCloseTo(one.mutualInformationNats, 10);
      }),
    );
  });

  it('refuses numbers that are no whole rows', () => {
    expect(() => meanOfRows(new Float64Array(7), 3)).toThrow(RangeError);
    expect(() => meanOfRows(new Float64Array(0), 3)).toThrow(RangeError);
  });
});
