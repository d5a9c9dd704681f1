/** Probabilities of one text, one for each label. */
export type Probabilities = Float64Array;

/**
 * Shannon entropy, in nats: 0 … ln C. A probability of 0 adds nothing.
 * @param probabilities rows × classes, row-major; each row sums to 1
 * @param row which row
 */
export function entropyNats(probabilities: ArrayLike<number>, classes: number = probabilities.length, row = 0): number {
  let sum = 0;
  for (let c = row * classes; c < (row + 1) * classes; c++) {
    const p = probabilities[c] as number;
    if (p > 0) sum -= p * Math.log(p);
  }
  // A sure row sums to −0, and rounding may leave a hair below 0.
  return Math.max(0, sum);
}

/** Mean of the rows. @param probabilities rows × classes, row-major. @throws RangeError when the length is no positive multiple of `classes` */
export function meanOfRows(probabilities: Float64Array, classes: number): Probabilities {
  const rows = probabilities.length / classes;
  if (!Number.isInteger(rows) || rows < 1) throw new RangeError(`${probabilities.length} probabilities are no rows of ${classes}.`);
  const mean = new Float64Array(classes);
  for (let i = 0; i < probabilities.length; i++) mean[i % classes]! += probabilities[i]! / rows;
  return mean;
}

/** How unsure a set of votes is, in nats. */
export interface VoteEntropies {
  /** Entropy of the mean vote: all of the uncertainty, 0 … ln C. */
  readonly predictiveNats: number;
  /** Mean entropy of the votes: what the text itself leaves open (aleatoric). */
  readonly expectedNats: number;
  /** Their difference, never negative (Jensen): mutual information between label and vote (epistemic); also the votes' Jensen-Shannon divergence. */
  readonly mutualInformationNats: number;
}

/**
 * Splits the uncertainty of votes: dropout samples of one model, or several models.
 * @param probabilities T × C, row-major, each row sums to 1
 * @returns mutual information 0 … ln C; 0 when T = 1. @throws RangeError when the length is no positive multiple of `classes`
 * Source: Houlsby et al. 2011 (BALD); Gal et al. 2017; for several models Lin 1991.
 */
export function voteEntropies(probabilities: Float64Array, classes: number): VoteEntropies {
  const rows = probabilities.length / classes;
  const predictiveNats = entropyNats(meanOfRows(probabilities, classes));
  let expected = 0;
  for (let row = 0; row < rows; row++) expected += entropyNats(probabilities, classes, row) / rows;
  // With one vote, or equal ones, the two differ by rounding alone.
  const expectedNats = rows === 1 ? predictiveNats : Math.min(expected, predictiveNats);
  return { predictiveNats, expectedNats, mutualInformationNats: predictiveNats - expectedNats };
}
