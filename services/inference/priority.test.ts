import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BehaviouralFeatures, CustomerTier } from '../../gen/replymesh/type/v1/customer.js';
import { PriorityCause, PriorityLevel, SentimentLabel } from '../../gen/replymesh/type/v1/decision.js';
import { levelOf, type PriorityInput, priorityOf, urgency } from './priority.js';

const NEGATIVE = { label: SentimentLabel.NEGATIVE, score: 0.05 };
const about = (text: string, other: Partial<Omit<PriorityInput, 'features'>> & { features?: Partial<BehaviouralFeatures> } = {}) =>
  priorityOf({ text, sentiment: undefined, relativeEntropy: 0, ...other, features: BehaviouralFeatures.fromPartial(other.features ?? {}) });
const { LOW, NORMAL, HIGH, URGENT } = PriorityLevel;

describe('how soon a person should look', () => {
  it.each<[string, Parameters<typeof about>[1], PriorityLevel]>([
    ['How do I change my shipping address?', {}, NORMAL],
    ['No rush, but how do I unsubscribe from the newsletter?', {}, LOW],
    ['It is not urgent, just wondering where my invoice is.', {}, LOW],
    ['This is urgent, I need my order today!', {}, HIGH],
    ['Someone used my card, this is fraud. Block it immediately!!', { sentiment: NEGATIVE }, URGENT],
    ['My account was hacked, I need help as soon as possible', { features: { tier: CustomerTier.PREMIUM } }, URGENT],
    ['Where is my refund? I am still waiting, this is unacceptable.', { sentiment: NEGATIVE }, HIGH],
    ['Where is my refund?', { features: { openInteractions: 3, escalationsTotal: 2, meanSatisfaction: 1.5 } }, HIGH],
    ['Where is my refund?', { features: { meanSatisfaction: 4.8, interactionsTotal: 40 } }, NORMAL],
    ['asdf', { relativeEntropy: 1 }, NORMAL],
  ])('%s', (text, other, level) => {
    expect(PriorityLevel[about(text, other).level]).toBe(PriorityLevel[level]);
  });

  it('names its reasons, largest first, and none that added nothing', () => {
    const { reasons } = about('URGENT: still no answer', { sentiment: NEGATIVE, features: { tier: CustomerTier.PLUS } });
    expect(reasons.map((r) => r.cause)).toEqual([
      PriorityCause.URGENT_WORDING,
      PriorityCause.NEGATIVE_SENTIMENT,
      PriorityCause.CUSTOMER_TIER,
    ]);
    expect(about('hello').reasons).toEqual([]);
  });

  it('takes "not urgent" for what it says, and not for "urgent"', () => {
    expect(urgency('not urgent')).toBeLessThan(0);
    expect(urgency('there is no rush')).toBeLessThan(0);
    expect(urgency('urgent')).toBeGreaterThan(0);
    expect(urgency('I am not sure whether this is urgent')).toBeGreaterThan(0);
  });

  it('does not take a word for urgent because it holds one', () => {
    expect(urgency('The surgeon bought an insurgent novel from the issue of Tuesday.')).toBe(0);
  });

  it('has levels with inclusive thresholds', () => {
    expect([0, 0.19, 0.2, 0.49, 0.5, 0.69, 0.7, 1].map(levelOf)).toEqual([LOW, LOW, NORMAL, NORMAL, HIGH, HIGH, URGENT, URGENT]);
  });

  const features = fc.record({
    interactions30d: fc.nat(),
    interactionsTotal: fc.nat(),
    escalationsTotal: fc.nat(),
    openInteractions: fc.nat(),
    daysSinceLast: fc.double({ min: -1, max: 1e6, noNaN: true }),
    meanSatisfaction: fc.double({ min: 0, max: 5, noNaN: true }),
    tier: fc.constantFrom(0, 1, 2, 3) as fc.Arbitrary<CustomerTier>,
  });
  const input: fc.Arbitrary<PriorityInput> = fc.record({
    text: fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.array(fc.constantFrom('urgent', 'not', 'asap', 'NOW', '!!', 'refund', 'no rush')).map((w) => w.join(' ')),
    ),
    features,
    sentiment: fc.option(
      fc.record({ label: fc.constantFrom(0, 1, 2, 3) as fc.Arbitrary<SentimentLabel>, score: fc.double({ min: 0, max: 1, noNaN: true }) }),
      { nil: undefined },
    ),
    relativeEntropy: fc.double({ min: 0, max: 1, noNaN: true }),
  });

  it('stays within 0 and 1, and its reasons within what the contract allows, whatever comes in', () => {
    fc.assert(
      fc.property(input, (any) => {
        const { score, reasons, level } = priorityOf(any);
        expect(score).toBeGreaterThanOrEqual(0);
        expect(score).toBeLessThanOrEqual(1);
        expect(level).toBe(levelOf(score));
        for (const { contribution } of reasons) expect(Math.abs(contribution)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('never falls when a customer has more open matters, more escalations, a higher tier or a worse mood', () => {
    fc.assert(
      fc.property(input, fc.nat(50), fc.nat(50), fc.double({ min: 0, max: 1, noNaN: true }), (any, open, escalated, unsure) => {
        const worse: PriorityInput = {
          ...any,
          features: {
            ...any.features,
            openInteractions: any.features.openInteractions + open,
            escalationsTotal: any.features.escalationsTotal + escalated,
            meanSatisfaction: any.features.meanSatisfaction > 0 ? Math.max(1e-9, any.features.meanSatisfaction - 1) : 0,
            tier: CustomerTier.PREMIUM,
          },
          sentiment: { label: SentimentLabel.NEGATIVE, score: 0 },
          relativeEntropy: Math.max(any.relativeEntropy, unsure),
        };
        expect(priorityOf(worse).score).toBeGreaterThanOrEqual(priorityOf(any).score);
      }),
    );
  });

  it('reads the longest message that the contract allows without trouble', () => {
    for (const part of ['urgent ', '!', 'not ', 'NO ANSWER ', 'still ', '\u{1F621}']) {
      expect(urgency(part.repeat(20_000 / part.length))).toBeLessThanOrEqual(0.45);
    }
  });
});
