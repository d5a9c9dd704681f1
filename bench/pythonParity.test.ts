import { expect, it } from 'vitest';
import { PredictResponse } from '../gen/replymesh/inference/v1/inference_service.js';
import { differenceOf } from './pythonParity.js';

const answer = (scores: Record<string, number>): PredictResponse =>
  PredictResponse.fromPartial({ intents: Object.entries(scores).map(([label, score]) => ({ label, score })) });

it('compares probabilities label by label, whatever their order', () => {
  const python = {
    labels: ['a', 'b'],
    rows: [
      [0.25, 0.75],
      [0.5625, 0.4375],
    ],
  };
  expect(differenceOf(python, [answer({ b: 0.75, a: 0.25 }), answer({ b: 0.5, a: 0.5 })])).toEqual({ largest: 0.0625, sameLabels: 0.5 });
});
