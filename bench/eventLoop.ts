/** Interval at which prom-client samples the event loop (`eventLoopMonitoringPrecision`), seconds. What it reports counts from sample to sample, so that a loop that never waits shows this much. */
const SAMPLING_S = 0.01;

/**
 * Event-loop delay p99 in milliseconds, without the sampling interval, from the text of a service's /metrics.
 * Each scrape starts the figure anew: it covers the time since the scrape before.
 */
export function eventLoopDelayP99Ms(metrics: string): number {
  const line = /^nodejs_eventloop_lag_p99_seconds(?:\{[^}]*\})? (\S+)$/m.exec(metrics);
  if (!line) throw new Error('The metrics hold no nodejs_eventloop_lag_p99_seconds.');
  return Math.max(0, Number(line[1]) - SAMPLING_S) * 1000;
}

export async function scrapeEventLoopDelayP99Ms(metricsPort: number): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${metricsPort}/metrics`, { signal: AbortSignal.timeout(10_000) });
  return eventLoopDelayP99Ms(await response.text());
}
