import { AnalyticsServiceDefinition, Summary } from '../gen/replymesh/v1/analytics_service.js';
import type { Environment } from '../lib/config.js';
import { withMesh } from './meshClient.js';
import { printable } from './renderDecision.js';
import { renderSummary } from './renderSummary.js';

export interface AnalyticsOptions {
  /** Milliseconds up to now. */
  readonly since: number;
  readonly space?: string;
  readonly json?: boolean;
}

/** Prints how well messages were answered lately. */
export async function showAnalytics({ since, space = '', json }: AnalyticsOptions, env: Environment): Promise<number> {
  const startTime = new Date(Date.now() - since);
  const { summary } = await withMesh(AnalyticsServiceDefinition, ['analytics.read'], env, (analytics) =>
    analytics.getSummary({ startTime, labelSpace: space }),
  );
  process.stdout.write(json ? `${JSON.stringify(Summary.toJSON(summary!))}\n` : printable(renderSummary(summary!)));
  return 0;
}
