import type { FeatureHistogram } from '../../gen/replymesh/type/v1/bundle.js';
import { normalQuantile, poissonShares, sumOfSquaresLimit } from './distributions.js';

/** How far traffic is from the reference in one respect. More than the limit is drift. */
export interface Measured {
  readonly value: number;
  /** The larger of what matters and of what chance brings about in samples of this size. */
  readonly limit: number;
}

/** What matters, however many rows show it. */
const LEAST = {
  /** Population stability index: below 0.1 nothing, from 0.2 or 0.25 on much has shifted (Siddiqi 2006). */
  psi: 0.2,
  /** Distance, 0 to 1: as when a twentieth of the traffic is about something else. */
  intents: 0.15,
  /** Share of the rows that lies on another side of some confidence. */
  confidence: 0.1,
  /** Share of the rows. */
  outOfScope: 0.05,
} as const;

/** Added to each bin's rows, so that an empty one is rare instead of impossible (Jeffreys 1946). */
const PRIOR = 0.5;

/** Rows in the bins of a histogram: a value is in the bin whose number is how many edges do not exceed it. */
export function binned({ edges }: Pick<FeatureHistogram, 'edges'>, values: readonly number[]): number[] {
  const counts = new Array<number>(edges.length + 1).fill(0);
  for (const value of values) {
    const bin = edges.filter((edge) => edge <= value).length;
    counts[bin] = counts[bin]! + 1;
  }
  return counts;
}

/**
 * Population stability index, Σ (q − p) · ln(q / p) over bins, and what chance alone brings it to.
 * @param alpha how seldom chance alone may exceed the limit
 * Source: Siddiqi 2006, Credit Risk Scorecards; its distribution, that of (1/n + 1/m) · χ²: Yurdakul 2018.
 */
export function populationStability(reference: readonly number[], window: readonly number[], alpha: number): Measured {
  const [n, m] = [sum(reference) + PRIOR * reference.length, sum(window) + PRIOR * window.length];
  const term = (x: number, y: number): number => {
    const [p, q] = [(x + PRIOR) / n, (y + PRIOR) / m];
    return (q - p) * Math.log(q / p);
  };
  const value = sum(reference.map((x, i) => term(x, window[i]!)));
  return { value, limit: Math.max(LEAST.psi, chanceLimit(reference, window, { term, perCell: 1 / n + 1 / m }, alpha)) };
}

/**
 * Jensen-Shannon distance of the shares of labels: the root of the divergence to base 2, 0 to 1.
 * Source: Lin 1991; Endres and Schindelin 2003. Under chance alone 8 ln 2 · divergence is that of (1/n + 1/m) · χ² (Menéndez et al. 1997), but for labels that are rare.
 */
export function intentDistance(reference: readonly number[], window: readonly number[], alpha: number): Measured {
  const [n, m] = [sum(reference), sum(window)];
  const part = (p: number, q: number): number => (p === 0 ? 0 : (p * Math.log2((2 * p) / (p + q))) / 2);
  const term = (x: number, y: number): number => part(x / n, y / m) + part(y / m, x / n);
  const divergence = sum(reference.map((x, i) => term(x, window[i]!)));
  const chance = chanceLimit(reference, window, { term, perCell: (1 / n + 1 / m) / (8 * Math.LN2) }, alpha);
  return { value: Math.sqrt(Math.max(0, divergence)), limit: Math.max(LEAST.intents, Math.sqrt(chance)) };
}

/** A sum over cells. */
interface Divergence {
  /** What a cell adds with so many rows of the reference and of the window. */
  readonly term: (x: number, y: number) => number;
  /** What it adds in the mean where rows are many. */
  readonly perCell: number;
}
/** From so many rows expected in a cell on, what it adds is χ² with one degree of freedom. */
const MANY = 30;

/**
 * What chance alone brings a divergence to. Its moments are summed over cells whose counts are taken for Poisson variables of the pooled share; that both
 * samples have a fixed size takes one cell of them away. Rare cells would make χ² alone too low: with 150 labels in 500 rows one window in 20 would alarm instead of one in 1000.
 */
function chanceLimit(reference: readonly number[], window: readonly number[], { term, perCell }: Divergence, alpha: number): number {
  const [n, m] = [sum(reference), sum(window)];
  let [mean, variance, cells] = [0, 0, 0];
  for (const [i, x] of reference.entries()) {
    const share = (x + window[i]!) / (n + m);
    if (share === 0) continue;
    const many = Math.min(n, m) * share >= MANY;
    const of = many ? { mean: perCell, variance: 2 * perCell ** 2 } : momentsOf(term, n * share, m * share);
    mean += of.mean;
    variance += of.variance;
    cells += 1;
  }
  const free = cells > 0 ? (cells - 1) / cells : 0;
  return sumOfSquaresLimit(mean * free, variance * free, normalQuantile(1 - alpha));
}

/** Mean and variance of a term of two Poisson variables. */
function momentsOf(term: Divergence['term'], meanX: number, meanY: number): { mean: number; variance: number } {
  const [xs, ys] = [poissonShares(meanX), poissonShares(meanY)];
  let [first, second] = [0, 0];
  for (const [i, shareX] of xs.shares.entries()) {
    for (const [j, shareY] of ys.shares.entries()) {
      const value = term(xs.from + i, ys.from + j);
      first += shareX * shareY * value;
      second += shareX * shareY * value * value;
    }
  }
  return { mean: first, variance: Math.max(0, second - first * first) };
}

/** As the reference rounds confidences. */
export const thousandths = (confidence: number): number => Math.floor(confidence * 1000) / 1000;

/**
 * Kolmogorov-Smirnov distance of confidences from the reference's quantiles: at most what it would be from the reference's own rows, since between two quantiles these may be anywhere.
 * @param quantiles at 0 %, 1 %, … 100 %, rounded down to thousandths @param rows of the reference
 * Source: Smirnov 1948; the limit for finite samples: Stephens 1970.
 */
export function confidenceDistance(quantiles: readonly number[], rows: number, confidences: readonly number[], alpha: number): Measured {
  const values = confidences.map(thousandths);
  const steps = quantiles.length - 1;
  let value = 0;
  for (const quantile of new Set(quantiles)) {
    // Of the reference's rows at least so many do not exceed the quantile, and fewer than one step more.
    const least = quantiles.lastIndexOf(quantile) / steps;
    const most = Math.min(1, least + 1 / steps);
    const share = values.filter((v) => v <= quantile).length / values.length;
    value = Math.max(value, least - share, share - most);
  }
  const root = Math.sqrt((rows * values.length) / (rows + values.length));
  const chance = Math.sqrt(-Math.log(alpha / 2) / 2) / (root + 0.12 + 0.11 / root);
  return { value, limit: Math.max(LEAST.confidence, chance) };
}

/** Difference of two shares, its limit by the two-sided test of two proportions with Yates's correction. Source: Fleiss, Levin and Paik 2003, 3.2. */
export function shareDifference(reference: Share, window: Share, alpha: number): Measured {
  const each = 1 / reference.rows + 1 / window.rows;
  const pooled = (reference.count + window.count) / (reference.rows + window.rows);
  const chance = normalQuantile(1 - alpha / 2) * Math.sqrt(pooled * (1 - pooled) * each) + each / 2;
  return { value: Math.abs(window.count / window.rows - reference.count / reference.rows), limit: Math.max(LEAST.outOfScope, chance) };
}
export interface Share {
  readonly count: number;
  readonly rows: number;
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
