import type { CompareBundlesResponse } from '../gen/replymesh/v1/model_monitoring_service.js';

export interface PromotionRule {
  /** How seldom a challenger that is no better may be promoted. */
  readonly alpha: number;
  /** Fewest labelled messages on which one alone is right. */
  readonly minDisagreements: number;
}

/** Whether a challenger is to be promoted, and why (not), as a sentence. */
export interface PromotionVerdict {
  readonly promote: boolean;
  readonly why: string;
}

/** One-sided, because a challenger has to be better: no worse is not enough to change what is known. */
export function promotionVerdict(
  { shadowed, labelled, championRight, challengerRight, test }: CompareBundlesResponse,
  { alpha, minDisagreements }: PromotionRule,
): PromotionVerdict {
  const apart = championRight + challengerRight;
  if (shadowed === 0)
    return {
      promote: false,
      why: 'no message was read by both. Add it with "models add", and let it read beside the champion (REPLYMESH_SHADOW_PERCENT).',
    };
  if (!test || apart < minDisagreements)
    return {
      promote: false,
      why: `of ${labelled} labelled messages ${apart} tell the two apart, at least ${minDisagreements} are needed. Label more of those on which they disagree.`,
    };
  const score = `the challenger alone is right on ${challengerRight} of them, the champion alone on ${championRight} (one-sided p ${pValue(test.oneSidedP)})`;
  return test.oneSidedP <= alpha
    ? { promote: true, why: `It is better: of ${apart} labelled messages that tell the two apart, ${score}.` }
    : {
        promote: false,
        why: `it is not shown to be better: of ${apart} labelled messages that tell the two apart, ${score}, and p may be at most ${alpha}.`,
      };
}

/** A comparison for a person at a terminal. */
export function renderComparison({
  shadowed,
  agreed,
  labelled,
  bothRight,
  championRight,
  challengerRight,
  neitherRight,
  test,
}: CompareBundlesResponse): string {
  const rows: (readonly [string, string])[] = [
    ['read by both', `${shadowed}${shadowed > 0 ? `, the same intent on ${percent(agreed / shadowed)}` : ''}`],
    ['labelled by people', String(labelled)],
    ['  both right', String(bothRight)],
    ['  the champion alone', String(championRight)],
    ['  the challenger alone', String(challengerRight)],
    ['  neither', String(neitherRight)],
    ...(test
      ? ([
          [
            'difference',
            `${points(test.accuracyDifference)} points of accuracy, 95 % interval ${points(test.differenceLow)} to ${points(test.differenceHigh)}`,
          ],
          [
            'McNemar, exact',
            `p ${pValue(test.oneSidedP)} that the challenger is no better, ${pValue(test.twoSidedP)} for a difference at all`,
          ],
        ] as const)
      : ([['difference', 'unknown: no label tells the two apart']] as const)),
  ];
  return rows.map(([name, value]) => `  ${name.padEnd(NAME)}${value}\n`).join('');
}

const NAME = 24;
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const points = (share: number): string => `${share < 0 ? '−' : '+'}${Math.abs(share * 100).toFixed(1)}`;
const pValue = (p: number): string => (p < 0.0001 ? 'below 0.0001' : p.toFixed(4));
