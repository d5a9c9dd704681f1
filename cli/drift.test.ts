import { expect, it } from 'vitest';
import { DriftReport, RetrainingVerdict } from '../gen/replymesh/v1/model_monitoring_service.js';
import { retrainings } from './drift.js';

it('a check trains each space that wants it, with as few labels as the rule was content with', () => {
  const report = (labelSpace: string, retraining: RetrainingVerdict, labels: number) =>
    DriftReport.fromPartial({ labelSpace, retraining, labels });
  const reports = [
    report('support', RetrainingVerdict.WANTED, 12),
    report('banking', RetrainingVerdict.TOO_FEW_LABELS, 3),
    report('own', RetrainingVerdict.WANTED, 70),
  ];
  expect(retrainings(reports)).toEqual([
    ['retrain', '--space', 'support', '--least-labels', '12'],
    ['retrain', '--space', 'own', '--least-labels', '70'],
  ]);
});
