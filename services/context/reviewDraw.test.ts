import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Action, Decision, PriorityLevel, Uncertainty } from '../../gen/replymesh/type/v1/decision.js';
import { aQuery, newQueryId } from './context.fixture.js';
import { confirmedLabel, drawOf, informationOf, isDrawn, rankOf } from './reviewDraw.js';

describe('what comes before a person', () => {
  it('is drawn by the id alone: as many as were asked for, the same ones every time, and more of them at a higher rate', () => {
    const ids = Array.from({ length: 20_000 }, (_, i) => `qry_00000000-0000-7000-8000-${String(i).padStart(12, '0')}`);
    const drawn = (rate: number): string[] => ids.filter((id) => isDrawn(id, rate));
    expect(drawn(0)).toEqual([]);
    expect(drawn(1)).toEqual(ids);
    // Five standard deviations of a fair draw of 2 %.
    expect(Math.abs(drawn(0.02).length - 400)).toBeLessThan(100);
    const more = new Set(drawn(0.05));
    expect(drawn(0.02).every((id) => more.has(id))).toBe(true);
  });

  it('is every draft and escalation, and of what was sent unseen the drawn alone', () => {
    const of = (action: Action, rate: number) => drawOf(aQuery({ action }), rate);
    expect([of(Action.AUTO, 0), of(Action.DRAFT, 0), of(Action.ESCALATE, 0)]).toEqual([undefined, 'chosen', 'chosen']);
    expect([of(Action.AUTO, 1), of(Action.DRAFT, 1), of(Action.ESCALATE, 1)]).toEqual(['random', 'random', 'random']);
  });

  it('teaches as much as the models disagree, and as much as one alone is unsure', () => {
    const of = (u: Partial<Uncertainty>) => informationOf(Uncertainty.fromPartial(u));
    expect(of({ predictiveEntropy: 2, mutualInformation: 0.25, ensembleDisagreement: 0.5 })).toBe(0.75);
    expect(of({ predictiveEntropy: 2 })).toBe(2);
    expect(informationOf(undefined)).toBe(0);
  });

  it('stands the earlier in the queue the higher its priority, whatever number a newer gateway sends', () => {
    const of = (level: number) => rankOf(Decision.fromPartial({ priority: { level } }));
    const levels = [PriorityLevel.URGENT, PriorityLevel.HIGH, PriorityLevel.NORMAL, PriorityLevel.LOW, PriorityLevel.UNSPECIFIED];
    expect(levels.map(of)).toEqual([0, 1, 2, 3, 4]);
    fc.assert(fc.property(fc.integer(), (level) => of(level) >= 0 && of(level) <= 4));
  });

  it('is about the first intent when approved, or about none where the models said so', () => {
    const { decision } = aQuery({ id: newQueryId(), intent: 'get_refund' });
    expect(confirmedLabel(decision)).toBe('get_refund');
    expect(confirmedLabel({ ...decision!, outOfScope: { score: 0.9, isOutOfScope: true } })).toBe('out_of_scope');
    expect(confirmedLabel(undefined)).toBe('');
  });
});
