import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CustomerTier, ResolutionStatus } from '../../gen/replymesh/type/v1/customer.js';
import { featuresAt, type History, type Line, noHistory, withLineChanged, withLines } from './behaviour.js';

/** Of a customer with these lines. */
const behaviour = (lines: readonly Line[], tier: CustomerTier, now: Date) => featuresAt(withLines(noHistory, lines, now), tier, now);
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
        expect(back).toEqual(forward);
      }),
    );
  });

  it('is the same whether it was counted at once or carried on line by line, and tells the last 30 days of whatever moment it is asked for', () => {
    fc.assert(
      fc.property(interactions, fc.integer({ min: 0, max: 400 }), (history, laterDays) => {
        const later = daysAgo(-laterDays);
        const carried = history.reduce<History>((kept, line) => withLines(kept, [line], NOW), noHistory);
        expect(featuresAt(carried, CustomerTier.PLUS, later)).toEqual(behaviour(history, CustomerTier.PLUS, later));
      }),
    );
  });

  it('is the same after a line has changed as if it had been so from the start', () => {
    fc.assert(
      fc.property(interactions, interactions, (history, others) => {
        const changed = history.map((line, i) => ({ ...line, ...others[i], createTime: line.createTime }));
        const carried = history.reduce<History>(
          (kept, line, i) => withLineChanged(kept, line, changed[i]!),
          withLines(noHistory, history, NOW),
        );
        expect(featuresAt(carried, CustomerTier.PLUS, NOW)).toEqual(behaviour(changed, CustomerTier.PLUS, NOW));
      }),
    );
  });
});
