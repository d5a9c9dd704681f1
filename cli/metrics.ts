/** One judged row. `scores` are probabilities by label and sum to 1. */
export interface Judged {
  readonly label: string;
  readonly predicted: string;
  readonly confidence: number;
  /** Probability of the true label. */
  readonly probability: number;
}

/** Share of right labels. */
export const accuracy = (rows: readonly Judged[]): number => rows.filter((r) => r.predicted === r.label).length / rows.length;

/** Unweighted mean of the labels' F1; labels that neither occur nor are predicted do not count. */
export function macroF1(rows: readonly Judged[]): number {
  const labels = [...new Set(rows.flatMap((r) => [r.label, r.predicted]))];
  const f1 = labels.map((label) => {
    const both = rows.filter((r) => r.label === label && r.predicted === label).length;
    const either = rows.filter((r) => r.label === label).length + rows.filter((r) => r.predicted === label).length;
    return (2 * both) / either;
  });
  return f1.reduce((a, b) => a + b, 0) / f1.length;
}

/** Mean negative log-likelihood of the true labels, nats. */
export const negativeLogLikelihood = (rows: readonly Judged[]): number =>
  rows.reduce((sum, r) => sum - Math.log(Math.max(r.probability, 1e-12)), 0) / rows.length;

/** Expected calibration error with equal-width bins (Guo et al. 2017). */
export function expectedCalibrationError(rows: readonly Judged[], bins = 15): number {
  const sums = Array.from({ length: bins }, () => ({ n: 0, right: 0, confidence: 0 }));
  for (const row of rows) {
    const bin = sums[Math.min(bins - 1, Math.floor(row.confidence * bins))]!;
    bin.n += 1;
    bin.right += row.predicted === row.label ? 1 : 0;
    bin.confidence += row.confidence;
  }
  return sums.reduce((sum, b) => sum + Math.abs(b.right - b.confidence), 0) / rows.length;
}

/** Probability that a positive scores above a negative, ties half (Mann and Whitney 1947). Null when one kind is absent. */
export function auroc(positives: readonly number[], negatives: readonly number[]): number | null {
  if (positives.length === 0 || negatives.length === 0) return null;
  const all = [...positives.map((score) => ({ score, positive: true })), ...negatives.map((score) => ({ score, positive: false }))];
  all.sort((a, b) => a.score - b.score);
  let rankSum = 0;
  for (let i = 0; i < all.length; ) {
    let j = i;
    while (j < all.length && all[j]!.score === all[i]!.score) j += 1;
    const rank = (i + 1 + j) / 2;
    rankSum += rank * all.slice(i, j).filter((x) => x.positive).length;
    i = j;
  }
  const p = positives.length;
  return (rankSum - (p * (p + 1)) / 2) / (p * negatives.length);
}
