/** Latencies of one run, milliseconds. */
export interface Latency {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** Smallest value that at least `share` of the values do not exceed (nearest rank). NaN when there are none. */
export function percentile(ascending: Float64Array, share: number): number {
  return ascending[Math.max(0, Math.ceil(ascending.length * share) - 1)] ?? Number.NaN;
}

export function latencyOf(valuesMs: Float64Array): Latency {
  const ascending = Float64Array.from(valuesMs).sort();
  return { p50: percentile(ascending, 0.5), p95: percentile(ascending, 0.95), p99: percentile(ascending, 0.99) };
}
