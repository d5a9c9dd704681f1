import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CustomerTier, ResolutionStatus } from '../../gen/replymesh/type/v1/customer.js';
import { behaviour } from './behaviour.js';

const NOW = new Date('2026-11-24T12:00:00Z');
const daysAgo = (days: number): Date => new Date(NOW.getTime() - days * 86_400_000);
const interactions = fc.array(
  fc.record({
    resolutionStatus: fc.constantFrom(
      ResolutionStatus.OPEN,
      ResolutionStatus.RESOLVED,
      ResolutionStatus.ESCALATED,
      ResolutionStatus.UNSPECIFIED,
    ),
    satisfactionScore: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
    createTime: fc.integer({ min: -5, max: 2000 }).map(daysAgo),
  }),
);

describe('the behaviour of a customer', () => {
  it('is zeros, and −1 days since the last interaction, without history', () => {
    expect(behaviour([], CustomerTier.PLUS, NOW)).toEqual({
      interactions30d: 0,
      interactionsTotal: 0,
      escalationsTotal: 0,
      openInteractions: 0,
      daysSinceLast: -1,
      meanSatisfaction: 0,
      tier: CustomerTier.PLUS,
    });
  });

  it('counts what happened, when, and how it ended', () => {
    const history = [
      { resolutionStatus: ResolutionStatus.OPEN, satisfactionScore: undefined, createTime: daysAgo(1.5) },
      { resolutionStatus: ResolutionStatus.ESCALATED, satisfactionScore: 2, createTime: daysAgo(30) },
      { resolutionStatus: ResolutionStatus.RESOLVED, satisfactionScore: 5, createTime: daysAgo(31) },
    ];
    expect(behaviour(history, CustomerTier.STANDARD, NOW)).toEqual({
      interactions30d: 2,
      interactionsTotal: 3,
      escalationsTotal: 1,
      openInteractions: 1,
      daysSinceLast: 1.5,
      meanSatisfaction: 3.5,
      tier: CustomerTier.STANDARD,
    });
  });

  it('stays within the ranges of the contract, whatever the history and whatever the clocks', () => {
    fc.assert(
      fc.property(interactions, (history) => {
        const features = behaviour(history, CustomerTier.UNSPECIFIED, NOW);
        expect(features.interactions30d).toBeLessThanOrEqual(features.interactionsTotal);
        expect(features.escalationsTotal + features.openInteractions).toBeLessThanOrEqual(features.interactionsTotal);
        expect(features.daysSinceLast).toBeGreaterThanOrEqual(history.length === 0 ? -1 : 0);
        expect(features.meanSatisfaction === 0 || (features.meanSatisfaction >= 1 && features.meanSatisfaction <= 5)).toBe(true);
      }),
    );
  });

  it('does not depend on the order of the history', () => {
    fc.assert(
      fc.property(interactions, (history) => {
        const forward = behaviour(history, CustomerTier.PLUS, NOW);
        const back = behaviour([...history].reverse(), CustomerTier.PLUS, NOW);
        expect({ ...back, meanSatisfaction: 0 }).toEqual({ ...forward, meanSatisfaction: 0 });
        expect(back.meanSatisfaction).toBeCloseTo(forward.meanSatisfaction, 12);
      }),
    );
  });
});
