import {
  type Bin,
  type Correction,
  type Distribution,
  type IntentSummary,
  Metric,
  type MetricValue,
  type ResponseTime,
  type Summary,
} from '../../gen/replymesh/v1/analytics_service.js';
import { CONFIDENCE, lowerBounds, MAX_RELATIVE_ERROR, percentileMs, UNCERTAINTY } from './analyticsBins.js';
import type { Period } from './analyticsPeriod.js';
import type { CountSum } from './analyticsRows.js';
import type { Histogram } from './rollUps.js';

/** Sums over messages, by the names of the columns of `analytics_counts`. */
export type Totals = Readonly<Record<CountSum, number>>;
/** Messages in each bin. */
export type Histograms = Readonly<Record<Histogram, readonly number[]>>;

/** Of nothing nothing is known. */
const ratio = (part: number, whole: number): number | undefined => (whole > 0 ? part / whole : undefined);

export const NOTHING: Totals = {
  queries: 0,
  auto: 0,
  draft: 0,
  escalated: 0,
  no_source: 0,
  unsupported_sentence: 0,
  out_of_scope: 0,
  understood: 0,
  confidence_sum: 0,
  uncertainty_sum: 0,
  timed: 0,
  response_time_ms_sum: 0,
  with_feedback: 0,
  resolved: 0,
  unresolved: 0,
  resolution_seconds_sum: 0,
  satisfaction_count: 0,
  satisfaction_sum: 0,
  corrected: 0,
};

const added = (a: Totals, b: Totals): Totals =>
  Object.fromEntries(Object.keys(NOTHING).map((name) => [name, a[name as keyof Totals] + b[name as keyof Totals]])) as Totals;

/** Figures of a period. @param intents its totals by intent */
export function summaryOf(
  period: Period,
  intents: readonly ({ readonly intent: string } & Totals)[],
  histograms: Histograms,
  recounting: boolean,
): Summary {
  const all = intents.reduce(added, NOTHING);
  return {
    startTime: period.from,
    endTime: period.to,
    recounting,
    volume: all.queries,
    automationRate: ratio(all.auto, all.queries),
    draftRate: ratio(all.draft, all.queries),
    escalationRate: ratio(all.escalated, all.queries),
    intents: intents.map(intentOf),
    confidence: distributionOf(all.understood, all.confidence_sum, lowerBounds(CONFIDENCE), histograms.confidence),
    uncertainty: distributionOf(all.understood, all.uncertainty_sum, lowerBounds(UNCERTAINTY), histograms.uncertainty),
    responseTime: responseTimeOf(all, histograms.response_time),
    satisfaction: { count: all.satisfaction_count, mean: ratio(all.satisfaction_sum, all.satisfaction_count) },
    resolution: {
      confirmedResolutions: all.resolved,
      confirmedNonResolutions: all.unresolved,
      silences: silencesOf(all),
      meanResolutionSeconds: ratio(all.resolution_seconds_sum, all.resolved),
    },
    correction: correctionOf(all),
  };
}

const silencesOf = ({ queries, resolved, unresolved }: Totals): number => queries - resolved - unresolved;

const intentOf = ({ intent, ...totals }: { readonly intent: string } & Totals): IntentSummary => ({
  intent,
  volume: totals.queries,
  automationRate: ratio(totals.auto, totals.queries),
  escalationRate: ratio(totals.escalated, totals.queries),
  meanConfidence: ratio(totals.confidence_sum, totals.understood),
  correction: correctionOf(totals),
});

const correctionOf = ({ with_feedback, corrected }: Totals): Correction => ({
  withFeedback: with_feedback,
  corrected,
  correctedShare: ratio(corrected, with_feedback),
});

const distributionOf = (count: number, sum: number, bounds: readonly number[], histogram: readonly number[]): Distribution => ({
  count,
  mean: ratio(sum, count),
  bins: bounds.map((lowerBound, i): Bin => ({ lowerBound, count: histogram[i] ?? 0 })),
});

const responseTimeOf = ({ timed, response_time_ms_sum }: Totals, histogram: readonly number[]): ResponseTime => ({
  count: timed,
  meanMs: ratio(response_time_ms_sum, timed),
  p50Ms: percentileMs(histogram, 0.5),
  p95Ms: percentileMs(histogram, 0.95),
  p99Ms: percentileMs(histogram, 0.99),
  maxRelativeError: MAX_RELATIVE_ERROR,
});

/** Metrics that take the histogram of response times. */
export const PERCENTILES: Readonly<Partial<Record<Metric, number>>> = {
  [Metric.RESPONSE_TIME_P50]: 0.5,
  [Metric.RESPONSE_TIME_P95]: 0.95,
  [Metric.RESPONSE_TIME_P99]: 0.99,
};

/** One figure of one hour or day. */
export function figureOf(metric: Metric, t: Totals, responseTime: readonly number[]): MetricValue {
  const percentile = PERCENTILES[metric];
  return { metric, value: percentile === undefined ? numberOf(metric, t) : percentileMs(responseTime, percentile) };
}

function numberOf(metric: Metric, t: Totals): number | undefined {
  switch (metric) {
    case Metric.VOLUME:
      return t.queries;
    case Metric.AUTOMATION_RATE:
      return ratio(t.auto, t.queries);
    case Metric.DRAFT_RATE:
      return ratio(t.draft, t.queries);
    case Metric.ESCALATION_RATE:
      return ratio(t.escalated, t.queries);
    case Metric.MEAN_CONFIDENCE:
      return ratio(t.confidence_sum, t.understood);
    case Metric.MEAN_UNCERTAINTY:
      return ratio(t.uncertainty_sum, t.understood);
    case Metric.MEAN_RESPONSE_TIME:
      return ratio(t.response_time_ms_sum, t.timed);
    case Metric.MEAN_SATISFACTION:
      return ratio(t.satisfaction_sum, t.satisfaction_count);
    case Metric.CONFIRMED_RESOLUTIONS:
      return t.resolved;
    case Metric.CONFIRMED_NON_RESOLUTIONS:
      return t.unresolved;
    case Metric.SILENCES:
      return silencesOf(t);
    case Metric.MEAN_RESOLUTION_TIME:
      return ratio(t.resolution_seconds_sum, t.resolved);
    case Metric.CORRECTED_SHARE:
      return ratio(t.corrected, t.with_feedback);
    default:
      return undefined;
  }
}
