import { expect, it } from 'vitest';
import { DriftMeasureKind, DriftReport, RetrainingVerdict } from '../gen/replymesh/v1/model_monitoring_service.js';
import { renderDriftReport, renderUnchecked } from './renderDrift.js';

it('tells a drift report in plain words: what has drifted, by how much, and what to do', () => {
  const report = DriftReport.fromPartial({
    id: 'drf_1',
    modelName: 'ensemble',
    bundleDigest: '0a5e7d0e65b07374',
    labelSpace: 'support',
    startTime: new Date('2026-11-23T12:00:00Z'),
    endTime: new Date('2026-11-24T12:00:00Z'),
    rows: 500,
    score: 2.5,
    drifted: true,
    measures: [
      { kind: DriftMeasureKind.INTENT_DISTANCE, value: 0.5, limit: 0.2 },
      { kind: DriftMeasureKind.POPULATION_STABILITY, feature: 'length', value: 0.1, limit: 0.2 },
    ],
    shifts: [{ label: 'get_refund', referenceShare: 0.04, windowShare: 0.5 }],
    retraining: RetrainingVerdict.TOO_FEW_LABELS,
    labels: 7,
  });
  expect(renderDriftReport(report)).toBe(
    [
      'DRIFTED  support, ensemble 0a5e7d0e65b0, score 2.50 (above 1 is drift)',
      '  500 messages from 2026-11-23 12:00 to 2026-11-24 12:00 UTC, report drf_1',
      '  predicted intents                 0.500 of at most 0.200',
      '    get_refund                      4.0 % before, 50.0 % now',
      '  training anew                     not yet: too few labels (7 new labels to learn from)\n',
    ].join('\n'),
  );
  expect(renderUnchecked({ labelSpace: 'support', rows: 49, leastRows: 200 })).toBe(
    'not checked  support: 49 messages, at least 200 are needed\n',
  );
});
