import type { Payload } from './events.js';
import type { OutboxEvent, Refusal } from './relaySink.js';

/** A point on each of a bundle's curves. */
export interface MonitoringPoint {
  readonly bundleDigest: string;
  /** Number of the window since 1970. */
  readonly step: number;
  /** Time of the last event, milliseconds since 1970. */
  readonly timestamp: number;
  readonly metrics: Readonly<Record<string, number>>;
}

/** How many of these are in the window of the first one, and when that ends: those before the first one that is later. */
export function windowOf(events: readonly OutboxEvent[], windowMs: number): { count: number; endMs: number } {
  const endMs = (Math.floor((events[0]?.createdAt.getTime() ?? 0) / windowMs) + 1) * windowMs;
  const later = events.findIndex(({ createdAt }) => createdAt.getTime() >= endMs);
  return { count: later === -1 ? events.length : later, endMs };
}

/** What the events of one window say of each bundle. Those without a bundle say nothing; those whose numbers are none are refused. */
export function monitoringPoints(events: readonly OutboxEvent[], windowMs: number): { points: MonitoringPoint[]; refused: Refusal[] } {
  const step = windowOf(events, windowMs).endMs / windowMs - 1;
  const told = events.filter(({ payload }) => payload['model_version'] !== undefined && payload['model_version'] !== '');
  const byBundle = new Map<string, OutboxEvent[]>();
  for (const event of told.filter(isUsable)) {
    const bundleDigest = String(event.payload['model_version']);
    const own = byBundle.get(bundleDigest) ?? [];
    byBundle.set(bundleDigest, own);
    own.push(event);
  }
  return {
    points: [...byBundle].map(([bundleDigest, own]) => ({
      bundleDigest,
      step,
      timestamp: own.reduce((latest, { createdAt }) => Math.max(latest, createdAt.getTime()), 0),
      metrics: metricsOf(own),
    })),
    refused: told
      .filter((event) => !isUsable(event))
      .map((event) => ({ event, error: 'its model_version is no digest, or a number is none' })),
  };
}

const NUMBERS = ['confidence', 'uncertainty_score', 'response_time_ms', 'satisfaction', 'score'];
const isUsable = ({ payload }: OutboxEvent): boolean =>
  /^[0-9a-f]{64}$/.test(String(payload['model_version'])) &&
  NUMBERS.every((name) => payload[name] == null || Number.isFinite(payload[name]));

function metricsOf(events: readonly OutboxEvent[]): Record<string, number> {
  const isQuery = ({ type }: OutboxEvent): boolean => type === 'QueryProcessed' || type === 'QueryEscalated';
  const queries = events.filter(isQuery).map(({ payload }) => payload as Payload<'QueryProcessed'>);
  const feedback = events.filter(({ type }) => type === 'FeedbackReceived').map(({ payload }) => payload as Payload<'FeedbackReceived'>);
  const reviews = events.filter(({ type }) => type === 'ReviewResolved').map(({ payload }) => payload as Payload<'ReviewResolved'>);
  const drift = events.filter(({ type }) => type === 'DriftDetected').map(({ payload }) => (payload as Payload<'DriftDetected'>).score);
  const metrics = {
    queries: queries.length,
    confidence_mean: mean(queries.map((q) => q.confidence)),
    uncertainty_mean: mean(queries.map((q) => q.uncertainty_score)),
    out_of_scope_share: mean(queries.map((q) => q.out_of_scope)),
    automation_share: mean(queries.map((q) => q.action === 'AUTO')),
    escalation_share: mean(queries.map((q) => q.action === 'ESCALATE')),
    response_time_ms_mean: mean(queries.map((q) => q.response_time_ms)),
    feedback: feedback.length,
    satisfaction_mean: mean(feedback.map((f) => f.satisfaction)),
    resolved_share: mean(feedback.map((f) => f.resolved)),
    corrected_share: mean(feedback.map((f) => f.corrected_intent !== '')),
    reviews: reviews.length,
    review_agreement: mean(reviews.map((r) => r.agreed)),
    // Of a fair sample, and so true of all messages.
    sampled_accuracy: mean(reviews.filter((r) => r.drawn === 'random').map((r) => r.agreed)),
    drift_score_max: drift.length === 0 ? undefined : Math.max(...drift),
  };
  return Object.fromEntries(Object.entries(metrics).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

/** Of those that are known; `true` counts 1. Undefined without any. */
function mean(values: readonly (number | boolean | null | undefined)[]): number | undefined {
  const known = values.flatMap((value) => (value == null ? [] : [Number(value)]));
  return known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0) / known.length;
}
