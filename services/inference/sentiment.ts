import { type Sentiment, SentimentLabel } from '../../gen/replymesh/type/v1/decision.js';

/** A tone must be this likely to be named: below, a binary model that has to choose would call a plain question happy or angry. */
const LEAST_PROBABILITY = 0.7;

const NAMED: Readonly<Record<string, SentimentLabel>> = {
  negative: SentimentLabel.NEGATIVE,
  neutral: SentimentLabel.NEUTRAL,
  positive: SentimentLabel.POSITIVE,
};

/** Tone from the probabilities of the `sentiment` space; its labels are `negative`, `positive` and maybe `neutral`. */
export function sentimentOf(labels: readonly string[], probabilities: ArrayLike<number>): Sentiment {
  const of = (label: string): number => probabilities[labels.indexOf(label)] ?? 0;
  // What is neutral counts half, so that the score stays "how positive".
  const score = Math.min(1, of('positive') + of('neutral') / 2);
  const likely = labels.find((label) => of(label) >= LEAST_PROBABILITY);
  return { label: (likely !== undefined && NAMED[likely]) || SentimentLabel.NEUTRAL, score };
}
