import {
  type DriftMeasure,
  DriftMeasureKind,
  type DriftReport,
  RetrainingVerdict,
  type UncheckedSpace,
} from '../gen/replymesh/v1/model_monitoring_service.js';

const NAME = 34;
/** Measures that are shown of a report: those that have drifted, and at least the first. */
const MOST_MEASURES = 5;

const KINDS: Readonly<Record<DriftMeasureKind, string>> = {
  [DriftMeasureKind.UNSPECIFIED]: 'something else',
  [DriftMeasureKind.POPULATION_STABILITY]: 'text feature',
  [DriftMeasureKind.INTENT_DISTANCE]: 'predicted intents',
  [DriftMeasureKind.CONFIDENCE_DISTANCE]: 'confidence',
  [DriftMeasureKind.OUT_OF_SCOPE_DIFFERENCE]: 'share out of scope',
};
const VERDICTS: Readonly<Record<RetrainingVerdict, string>> = {
  [RetrainingVerdict.UNSPECIFIED]: 'not said',
  [RetrainingVerdict.NO_DRIFT]: 'not needed',
  [RetrainingVerdict.NOT_LASTING]: 'not yet: too few drifted windows in a row',
  [RetrainingVerdict.TOO_FEW_LABELS]: 'not yet: too few labels',
  [RetrainingVerdict.WANTED]: 'wanted',
};

/** A drift report for a person at a terminal. */
export function renderDriftReport(report: DriftReport): string {
  const { id, labelSpace, modelName, bundleDigest, startTime, endTime, rows, score, drifted, measures, shifts, retraining, labels } =
    report;
  const shown = measures.filter(({ value, limit }, i) => i === 0 || value > limit).slice(0, MOST_MEASURES);
  const moved = drifted && shown.some(({ kind }) => kind === DriftMeasureKind.INTENT_DISTANCE) ? shifts : [];
  return [
    `${drifted ? 'DRIFTED' : 'no drift'}  ${labelSpace}, ${modelName} ${bundleDigest.slice(0, 12)}, score ${score.toFixed(2)} (above 1 is drift)\n`,
    `  ${rows} messages from ${minute(startTime)} to ${minute(endTime)} UTC, report ${id}\n`,
    ...shown.map((measure) => `  ${nameOf(measure).padEnd(NAME)}${measure.value.toFixed(3)} of at most ${measure.limit.toFixed(3)}\n`),
    ...moved.map(
      ({ label, referenceShare, windowShare }) =>
        `    ${label.padEnd(NAME - 2)}${percent(referenceShare)} before, ${percent(windowShare)} now\n`,
    ),
    `  ${'training anew'.padEnd(NAME)}${VERDICTS[retraining]} (${labels} new labels to learn from)\n`,
  ].join('');
}

export const renderUnchecked = ({ labelSpace, rows, leastRows }: UncheckedSpace): string =>
  leastRows === 0
    ? `not checked  ${labelSpace}: its bundle tells nothing to compare with\n`
    : `not checked  ${labelSpace}: ${rows} messages, at least ${leastRows} are needed\n`;

const nameOf = ({ kind, feature }: DriftMeasure): string => (feature === '' ? KINDS[kind] : `${KINDS[kind]} ${feature}`);
const minute = (time: Date | undefined): string => time?.toISOString().slice(0, 16).replace('T', ' ') ?? 'unknown';
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
