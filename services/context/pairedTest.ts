import type { PairedTest } from '../../gen/replymesh/v1/model_monitoring_service.js';
import { binomialTail, normalQuantile } from './distributions.js';

/** Labelled messages by who is right. */
export interface PairedCounts {
  readonly bothRight: number;
  readonly championRight: number;
  readonly challengerRight: number;
  readonly neitherRight: number;
}

const CONFIDENCE = 0.95;

/**
 * McNemar's test in its exact form: where one alone is right, each is as likely to be the one if the two are equally good.
 * @returns undefined where no label tells them apart
 * Source: McNemar 1947; exact by the binomial distribution: Edwards 1948. Interval of the difference: Bonett and Price 2012, the adjusted Wald interval.
 */
export function pairedTest({ bothRight, championRight, challengerRight, neitherRight }: PairedCounts): PairedTest | undefined {
  const apart = championRight + challengerRight;
  if (apart === 0) return undefined;
  const all = apart + bothRight + neitherRight;
  const more = Math.max(championRight, challengerRight);
  const [lost, won] = [(championRight + 1) / (all + 2), (challengerRight + 1) / (all + 2)];
  const reach = normalQuantile((1 + CONFIDENCE) / 2) * Math.sqrt((lost + won - (won - lost) ** 2) / (all + 2));
  return {
    twoSidedP: Math.min(1, 2 * binomialTail(more, apart, 0.5)),
    oneSidedP: binomialTail(challengerRight, apart, 0.5),
    accuracyDifference: (challengerRight - championRight) / all,
    differenceLow: Math.max(-1, won - lost - reach),
    differenceHigh: Math.min(1, won - lost + reach),
  };
}
