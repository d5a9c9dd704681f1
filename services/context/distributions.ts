/** Value below which a standard normal variable stays with probability `p`. Source: Acklam 2003, relative error below 1.2e-9. @throws RangeError unless 0 < p < 1 */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) throw new RangeError('A probability between 0 and 1 is needed.');
  const tail = Math.min(p, 1 - p);
  const size = tail < 0.02425 ? tailQuantile(Math.sqrt(-2 * Math.log(tail))) : centralQuantile(tail - 0.5);
  return p < 0.5 ? size : -size;
}

const polynomial = (coefficients: readonly number[], x: number): number => coefficients.reduce((sum, c) => sum * x + c, 0);
const tailQuantile = (q: number): number =>
  polynomial(
    [-0.007784894002430293, -0.3223964580411365, -2.400758277161838, -2.549732539343734, 4.374664141464968, 2.938163982698783],
    q,
  ) / polynomial([0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416, 1], q);
const centralQuantile = (q: number): number =>
  (q *
    polynomial(
      [-39.69683028665376, 220.9460984245205, -275.9285104469687, 138.357751867269, -30.66479806614716, 2.506628277459239],
      q * q,
    )) /
  polynomial([-54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572, 1], q * q);

/** ln n!, exact to rounding. */
function logFactorials(n: number): Float64Array {
  const sums = new Float64Array(n + 1);
  for (let i = 2; i <= n; i += 1) sums[i] = sums[i - 1]! + Math.log(i);
  return sums;
}

/** Probability of at least `k` successes in `n` tries that succeed with probability `p`, summed exactly. n to some 10⁶. */
export function binomialTail(k: number, n: number, p: number): number {
  if (k <= 0) return 1;
  if (k > n || p <= 0) return 0;
  if (p >= 1) return 1;
  const log = logFactorials(n);
  let sum = 0;
  for (let i = n; i >= k; i -= 1) sum += Math.exp(log[n]! - log[i]! - log[n - i]! + i * Math.log(p) + (n - i) * Math.log1p(-p));
  return Math.min(1, sum);
}

/**
 * Value that a sum of squares with this mean and variance stays below with probability 1 − α, where `z` is the normal quantile of 1 − α.
 * The sum is taken for a scaled χ² of the same moments. Source: Wilson and Hilferty 1931; Satterthwaite 1946.
 */
export function sumOfSquaresLimit(mean: number, variance: number, z: number): number {
  if (mean <= 0 || variance <= 0) return 0;
  const spread = variance / (9 * mean * mean);
  return mean * Math.max(0, 1 - spread + z * Math.sqrt(spread)) ** 3;
}

/** How often each count comes, of a Poisson variable; what is further from the mean than 5 standard deviations and 5 is left out. */
export function poissonShares(mean: number): { readonly from: number; readonly shares: Float64Array } {
  const reach = 5 * Math.sqrt(mean) + 5;
  const from = Math.max(0, Math.floor(mean - reach));
  const log = logFactorials(Math.ceil(mean + reach));
  return {
    from,
    shares: Float64Array.from({ length: log.length - from }, (_, i) => Math.exp((from + i) * Math.log(mean) - mean - log[from + i]!)),
  };
}
