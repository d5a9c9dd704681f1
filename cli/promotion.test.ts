import { describe, expect, it } from 'vitest';
import { CompareBundlesResponse } from '../gen/replymesh/v1/model_monitoring_service.js';
import { promotionVerdict, renderComparison } from './promotion.js';

const RULE = { alpha: 0.05, minDisagreements: 10 };
const compared = (championRight: number, challengerRight: number, oneSidedP: number) =>
  CompareBundlesResponse.fromPartial({
    ...{ shadowed: 100, agreed: 80, labelled: 40, bothRight: 20, championRight, challengerRight },
    test: { oneSidedP, twoSidedP: 2 * oneSidedP, accuracyDifference: 0.1, differenceLow: -0.01, differenceHigh: 0.2 },
  });

describe('a challenger', () => {
  it('is promoted when the test says that it is better', () => {
    expect(promotionVerdict(compared(3, 15, 0.0038), RULE)).toEqual({
      promote: true,
      why: expect.stringContaining('right on 15 of them, the champion alone on 3'),
    });
  });

  it.each([
    [CompareBundlesResponse.fromPartial({}), 'no message was read by both'],
    [compared(1, 5, 0.01), '6 tell the two apart, at least 10 are needed'],
    [compared(6, 9, 0.3), 'p may be at most 0.05'],
    [compared(15, 3, 0.99), 'not shown to be better'],
    [CompareBundlesResponse.fromPartial({ shadowed: 9, labelled: 3, bothRight: 3 }), 'of 3 labelled messages 0 tell the two apart'],
  ])('is not, and it is said why, with %j', (comparison, why) => {
    expect(promotionVerdict(comparison, RULE)).toEqual({ promote: false, why: expect.stringContaining(why) });
  });

  it('is compared in plain words', () => {
    const shown = renderComparison(compared(3, 15, 0.0038));
    expect(shown).toContain('read by both            100, the same intent on 80.0 %');
    expect(shown).toContain('+10.0 points of accuracy, 95 % interval −1.0 to +20.0');
    expect(renderComparison(CompareBundlesResponse.fromPartial({}))).toContain('no label tells the two apart');
  });
});
