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
 * Split-conformal prediction set: the first labels whose probabilities sum to `threshold`; never empty, and all of them when rounding
 * keeps the sum below it.
 * Source: Vovk et al. 2005; Romano et al. 2020 (deterministic APS).
 */
export function predictionSet(candidates: readonly Candidate[], threshold: number): Candidate[] {
  let sum = 0;
  const last = candidates.findIndex(({ probability }) => (sum += probability) >= threshold);
  return candidates.slice(0, last === -1 ? candidates.length : last + 1);
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

/** Out-of-scope score of an energy, 0 (like the training data) to 1: one half at `location`, a logit more for each `scale`. */
export const outOfScopeScore = (energyOfText: number, location: number, scale: number): number =>
  1 / (1 + Math.exp(-(energyOfText - location) / scale));
