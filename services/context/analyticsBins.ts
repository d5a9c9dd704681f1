/** Bins of calibrated confidence, 0 to 1, each as wide. */
export const CONFIDENCE = { bins: 20, width: 0.05 } as const;
/** Bins of predictive entropy in nats; the last has no end. */
export const UNCERTAINTY = { bins: 20, width: 0.25 } as const;
/** Bins of milliseconds: bin i, from 0, ends with 2^((i + 1) / 4). The first begins at 0, the last has no end. */
export const RESPONSE_TIME = { bins: 64, perDoubling: 4 } as const;

/** A percentile is the geometric middle of its bin, and so off by half a bin at most: this share. Holds from 1 ms to 60 s. */
export const MAX_RELATIVE_ERROR = 2 ** (1 / (2 * RESPONSE_TIME.perDoubling)) - 1;

/** Lower bounds of bins of one width. */
export const lowerBounds = ({ bins, width }: { bins: number; width: number }): number[] =>
  // Multiplied up and rounded, so that it is 0.15 and not 0.15000000000000002.
  Array.from({ length: bins }, (_, i) => Number((i * width).toFixed(2)));

/**
 * Milliseconds that this share of the values does not exceed (nearest rank).
 * @param histogram values in each bin of RESPONSE_TIME
 * @returns undefined without values
 */
export function percentileMs(histogram: readonly number[], share: number): number | undefined {
  const total = histogram.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  const rank = Math.max(1, Math.ceil(share * total));
  let below = 0;
  const bin = histogram.findIndex((count) => (below += count) >= rank);
  return 2 ** ((bin + 0.5) / RESPONSE_TIME.perDoubling);
}
