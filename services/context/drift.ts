import type { LabelSpace, SpaceReference } from '../../gen/replymesh/type/v1/bundle.js';
import { type DriftMeasure, DriftMeasureKind, type IntentShift } from '../../gen/replymesh/v1/model_monitoring_service.js';
import { binned, confidenceDistance, intentDistance, type Measured, populationStability, shareDifference } from './driftMeasures.js';

/** One message as a space has read it: numbers and a label. */
export interface DriftRow {
  /** Text features by name. */
  readonly features: Readonly<Record<string, number>>;
  readonly intent: string;
  readonly confidence: number;
  readonly outOfScope: boolean;
}

/** How far a window of traffic is from the reference. */
export interface Drift {
  readonly measures: readonly DriftMeasure[];
  /** The largest measure as a multiple of its limit. */
  readonly score: number;
  /** Whether the score is above 1. */
  readonly drifted: boolean;
  /** The labels whose shares differ most. */
  readonly shifts: readonly IntentShift[];
}

/** How seldom traffic like the reference may be called drifted, over all measures of a window together. */
export const FALSE_ALARMS = 0.01;
const MOST_SHIFTS = 5;

/** Compares a window with the reference of its space. All measures share what may be false alarms (Bonferroni). @param rows at least one */
export function driftOf({ labels }: Pick<LabelSpace, 'labels'>, reference: SpaceReference, rows: readonly DriftRow[]): Drift {
  const alpha = FALSE_ALARMS / (reference.textFeatures.length + 3);
  const features = reference.textFeatures.map((histogram) => {
    const window = binned(
      histogram,
      rows.map((row) => row.features[histogram.feature] ?? 0),
    );
    return measure(DriftMeasureKind.POPULATION_STABILITY, populationStability(histogram.counts, window, alpha), histogram.feature);
  });
  const intents = labels.map((label) => rows.filter((row) => row.intent === label).length);
  const confidences = rows.map((row) => row.confidence);
  const outside = { count: rows.filter((row) => row.outOfScope).length, rows: rows.length };
  const measures = [
    ...features,
    measure(DriftMeasureKind.INTENT_DISTANCE, intentDistance(reference.intentCounts, intents, alpha)),
    measure(DriftMeasureKind.CONFIDENCE_DISTANCE, confidenceDistance(reference.confidenceQuantiles, reference.rows, confidences, alpha)),
    measure(
      DriftMeasureKind.OUT_OF_SCOPE_DIFFERENCE,
      shareDifference({ count: reference.outOfScope, rows: reference.rows }, outside, alpha),
    ),
  ].sort((a, b) => b.value / b.limit - a.value / a.limit);
  const score = measures[0]!.value / measures[0]!.limit;
  return { measures, score, drifted: score > 1, shifts: shiftsOf(labels, reference, intents, rows.length) };
}

const measure = (kind: DriftMeasureKind, { value, limit }: Measured, feature = ''): DriftMeasure => ({ kind, feature, value, limit });

const shiftsOf = (
  labels: readonly string[],
  { intentCounts, rows }: SpaceReference,
  window: readonly number[],
  count: number,
): IntentShift[] =>
  labels
    .map((label, i) => ({ label, referenceShare: intentCounts[i]! / rows, windowShare: window[i]! / count }))
    .sort((a, b) => Math.abs(b.windowShare - b.referenceShare) - Math.abs(a.windowShare - a.referenceShare))
    .slice(0, MOST_SHIFTS);
