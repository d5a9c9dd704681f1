import type { ConfidenceSpec, ConformalSpec, OutOfScopeSpec } from '../../gen/replymesh/type/v1/bundle.js';

/** One model's say in the pool. */
export interface PooledVote {
  /** ln p of each label; its exponentials sum to 1. */
  readonly logProbabilities: Float64Array;
  /** Not negative; 0 leaves the vote out. */
  readonly weight: number;
}

/**
 * ln softmax(logits / temperature) of one row.
 * @param logits rows × classes, row-major; finite
 * @param temperature more than 0; 1 changes nothing, more makes the row flatter
 * Source: Guo et al. 2017.
 */
export function logSoftmax(logits: ArrayLike<number>, classes: number, temperature: number, row = 0): Float64Array {
  const start = row * classes;
  let largest = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < classes; c++) largest = Math.max(largest, logits[start + c] as number);
  const out = new Float64Array(classes);
  let sum = 0;
  for (let c = 0; c < classes; c++) {
    const scaled = ((logits[start + c] as number) - largest) / temperature;
    out[c] = scaled;
    sum += Math.exp(scaled);
  }
  const logSum = Math.log(sum);
  for (let c = 0; c < classes; c++) out[c]! -= logSum;
  return out;
}

/** softmax(logits / temperature) of one row; see `logSoftmax`. */
export const softmax = (logits: ArrayLike<number>, classes: number, temperature: number, row = 0): Float64Array =>
  logSoftmax(logits, classes, temperature, row).map(Math.exp);

/**
 * Log-linear pool: p(label) ∝ exp(Σ weight · ln p of each vote).
 * @returns probabilities that sum to 1. @throws RangeError without votes, or when they differ in length
 * Source: Genest and Zidek 1986.
 */
export function pool(votes: readonly PooledVote[]): Float64Array {
  const classes = votes[0]?.logProbabilities.length ?? 0;
  if (classes === 0 || votes.some((v) => v.logProbabilities.length !== classes)) throw new RangeError('A pool needs votes of one length.');
  const sum = new Float64Array(classes);
  for (const { logProbabilities, weight } of votes) {
    if (weight > 0) for (let c = 0; c < classes; c++) sum[c]! += weight * logProbabilities[c]!;
  }
  return softmax(sum, classes, 1);
}

/** A label and its probability. */
export interface Candidate {
  readonly index: number;
  readonly probability: number;
}

/** Labels by falling probability; equal ones in the order of the label space, so that the same numbers give the same answer. */
export function ranked(probabilities: ArrayLike<number>): Candidate[] {
  return Array.from(probabilities, (probability, index) => ({ index, probability })).sort(
    (a, b) => b.probability - a.probability || a.index - b.index,
  );
}

/**
 * Split-conformal prediction set, never empty: the first labels whose probabilities sum to `threshold`, all of them when rounding keeps the
 * sum below it; or, where `leastProbability` is given, the first label and those of at least that probability.
 * Source: Vovk et al. 2005; Romano et al. 2020 (deterministic APS); Sadinle et al. 2019 (least ambiguous sets).
 */
export function predictionSet(candidates: readonly Candidate[], { threshold, leastProbability }: ConformalSpec): Candidate[] {
  if (leastProbability > 0) return candidates.filter(({ probability }, rank) => rank === 0 || probability >= leastProbability);
  let sum = 0;
  const last = candidates.findIndex(({ probability }) => (sum += probability) >= threshold);
  return candidates.slice(0, last === -1 ? candidates.length : last + 1);
}

/** A probability is taken this far from 0 and 1 at most before its logarithm. */
const LEAST_ODDS = 1e-9;

/**
 * How sure the ensemble is that its first label is right, 0 to 1; the probability itself where nothing was fitted.
 * @param first probability of the first label
 * @param mutualInformationNats of the dropout samples, 0 without
 * @param disagreementNats of the pooled members
 * Source: Platt 1999.
 */
export function confidenceOf(
  first: number,
  mutualInformationNats: number,
  disagreementNats: number,
  spec: ConfidenceSpec | undefined,
): number {
  if (!spec) return first;
  const p = Math.min(1 - LEAST_ODDS, Math.max(LEAST_ODDS, first));
  const logit = Math.log(p / (1 - p));
  const z = spec.bias + spec.slope * logit - spec.mutualInformation * mutualInformationNats - spec.disagreement * disagreementNats;
  return 1 / (1 + Math.exp(-z));
}

/**
 * Energy of one row of logits, before any temperature: −ln Σ exp(logit). The higher, the less the text is like the training data.
 * Source: Liu et al. 2020.
 */
export function energy(logits: ArrayLike<number>, classes: number, row = 0): number {
  const start = row * classes;
  let largest = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < classes; c++) largest = Math.max(largest, logits[start + c] as number);
  let sum = 0;
  for (let c = 0; c < classes; c++) sum += Math.exp((logits[start + c] as number) - largest);
  return -(largest + Math.log(sum));
}

/**
 * Out-of-scope score, 0 (like the training data) to 1: one half where energy and weighted distance are at `location`, a logit more for each `scale`.
 * @param distance to the nearest training rows, 0 without
 */
export const outOfScopeScore = (
  energyOfText: number,
  distance: number,
  { location, scale, distanceWeight }: Pick<OutOfScopeSpec, 'location' | 'scale' | 'distanceWeight'>,
): number => 1 / (1 + Math.exp(-(energyOfText + distanceWeight * distance - location) / scale));
