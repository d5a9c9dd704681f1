import { describe, expect, it } from 'vitest';
import { Summary } from '../gen/replymesh/v1/analytics_service.js';
import { renderSummary } from './renderSummary.js';

const correction = { withFeedback: 1240, corrected: 62, correctedShare: 0.05 };
const summary = Summary.fromPartial({
  startTime: new Date('2026-11-17T12:00:00Z'),
  endTime: new Date('2026-11-24T13:00:00Z'),
  volume: 1_234_567,
  automationRate: 0.612,
  draftRate: 0.2,
  escalationRate: 0.188,
  confidence: { mean: 0.9123 },
  uncertainty: { mean: 0.31 },
  responseTime: { count: 3, p50Ms: 118.4, p95Ms: 480, p99Ms: 2400 },
  satisfaction: { count: 1200, mean: 4.3 },
  resolution: { confirmedResolutions: 800, confirmedNonResolutions: 120, silences: 1_233_647, meanResolutionSeconds: 7500 },
  correction,
  intents: [
    { intent: 'get_refund', volume: 4000, automationRate: 0.7, escalationRate: 0.1, meanConfidence: 0.934, correction },
    { intent: 'an_intent_with_a_name_longer_than_its_column', volume: 1, automationRate: 0, escalationRate: 1 },
    { intent: '', volume: 12, automationRate: 0, escalationRate: 1 },
  ],
});

describe('a summary on a terminal', () => {
  const shown = renderSummary(summary);

  it('tells the period, each figure and each intent', () => {
    for (const part of [
      '2026-11-17 12:00 to 2026-11-24 13:00 UTC\n',
      'messages            1,234,567\n',
      'sent unseen         61.2 %\n',
      'half within 118 ms, 95 % within 480 ms, 99 % within 2.4 s\n',
      'satisfaction        4.30 of 5, said of 1,200\n',
      '800 confirmed, 120 not, nobody said of 1,233,647\n',
      'time to resolution  2.1 h on average\n',
      'intent corrected    5.0 % of the 1,240 with feedback\n',
      'get_refund                         4,000   70.0 %   10.0 %  0.93  62 of 1,240\n',
      '(not understood)',
    ])
      expect(shown).toContain(part);
  });

  it('fits into 80 columns', () => expect(shown.split('\n').filter((line) => line.length > 80)).toEqual([]));

  it('says of what nobody knows that it is unknown, and of what is still counted that it may be more', () => {
    const empty = renderSummary(Summary.fromPartial({ startTime: summary.startTime, endTime: summary.endTime, recounting: true }));
    expect(empty.match(/unknown/g)).toHaveLength(9);
    expect(empty).toContain('0 confirmed, 0 not, nobody said of 0');
    expect(empty).toContain('still being counted');
  });
});
