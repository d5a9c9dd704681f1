import { describe, expect, it } from 'vitest';
import { SentimentLabel } from '../../gen/replymesh/type/v1/decision.js';
import { sentimentOf } from './sentiment.js';

const { NEGATIVE, NEUTRAL, POSITIVE } = SentimentLabel;

describe('the tone of a message', () => {
  it.each([
    [['negative', 'positive'], [0.95, 0.05], { label: NEGATIVE, score: 0.05 }],
    [['negative', 'positive'], [0.2, 0.8], { label: POSITIVE, score: 0.8 }],
    [['positive', 'negative'], [0.8, 0.2], { label: POSITIVE, score: 0.8 }],
    [['negative', 'neutral', 'positive'], [0.1, 0.8, 0.1], { label: NEUTRAL, score: 0.5 }],
  ])('of %j at %j', (labels, probabilities, expected) => {
    expect(sentimentOf(labels, probabilities)).toEqual(expected);
  });

  it('is neutral when a model that must choose is not sure', () => {
    expect(sentimentOf(['negative', 'positive'], [0.6, 0.4]).label).toBe(NEUTRAL);
    expect(sentimentOf(['negative', 'positive'], [0.4, 0.6]).label).toBe(NEUTRAL);
  });
});
