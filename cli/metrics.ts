/** One judged row. */
export interface Judged {
  readonly label: string;
  readonly predicted: string;
  /** Calibrated probability of the predicted label. */
  readonly confidence: number;
  /** Probability of the true label. */
  readonly probability: number;
}

/** Probabilities below this count as this much, so that one zero does not make the mean infinite. */
const FLOOR = 1e-12;

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Share of right labels. NaN without rows, as are the other means. */
export const accuracy = (rows: readonly Judged[]): number => mean(rows.map((r) => (r.predicted === r.label ? 1 : 0)));

/** Unweighted mean of the labels' F1; labels that neither occur nor are predicted do not count. */
export function macroF1(rows: readonly Judged[]): number {
  const counts = new Map<string, { right: number; total: number }>();
  const count = (label: string, right: boolean): void => {
    const { right: r, total } = counts.get(label) ?? { right: 0, total: 0 };
    counts.set(label, { right: r + (right ? 1 : 0), total: total + 1 });
  };
  for (const { label, predicted } of rows) {
    count(label, label === predicted);
    count(predicted, label === predicted);
  }
  // Right ones were counted on both sides: 2·TP / (occurrences + predictions) is F1.
  return mean([...counts.values()].map(({ right, total }) => right / total));
}

/** Mean negative log-likelihood of the true labels, nats. */
export const negativeLogLikelihood = (rows: readonly Judged[]): number => mean(rows.map((r) => -Math.log(Math.max(r.probability, FLOOR))));

/** Expected calibration error with equal-width bins (Guo et al. 2017). */
export function expectedCalibrationError(rows: readonly Judged[], bins = 15): number {
  const gaps = new Array<number>(bins).fill(0);
  for (const { confidence, label, predicted } of rows) {
    const bin = Math.min(bins - 1, Math.floor(confidence * bins));
    gaps[bin] = gaps[bin]! + (label === predicted ? 1 : 0) - confidence;
  }
  return gaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / rows.length;
}

/** Probability that a positive scores above a negative, ties half (Mann and Whitney 1947). Null when one kind is absent. */
export function auroc(positives: readonly number[], negatives: readonly number[]): number | null {
  if (positives.length === 0 || negatives.length === 0) return null;
  const all = [...positives.map((score) => ({ score, positive: true })), ...negatives.map((score) => ({ score, positive: false }))];
  all.sort((a, b) => a.score - b.score);
  let rankSum = 0;
  for (let i = 0; i < all.length; ) {
    let j = i;
    let positivesHere = 0;
    for (; j < all.length && all[j]!.score === all[i]!.score; j += 1) positivesHere += all[j]!.positive ? 1 : 0;
    // Equal scores share the mean of their ranks i + 1 … j.
    rankSum += ((i + 1 + j) / 2) * positivesHere;
    i = j;
  }
  const p = positives.length;
  return (rankSum - (p * (p + 1)) / 2) / (p * negatives.length);
}
