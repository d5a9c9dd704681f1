import { expect, it } from 'vitest';
import { PredictResponse } from '../../gen/replymesh/inference/v1/inference_service.js';
import { Action, DecisionReason } from '../../gen/replymesh/type/v1/decision.js';
import { mask } from './mask.js';
import { toGenerate } from './write.js';

it('what is out of scope is answered without the label that came nearest', () => {
  const prediction = PredictResponse.fromPartial({ intents: [{ label: 'track_refund', score: 0.9 }] });
  const found = { context: undefined, prediction, passages: [], masked: mask('Hello'), degraded: [] };
  const intentOf = (reason: DecisionReason.OUT_OF_SCOPE | DecisionReason.PRIORITY_TOO_HIGH) =>
    toGenerate(found, { action: Action.ESCALATE, reason }).intent;
  expect([intentOf(DecisionReason.OUT_OF_SCOPE), intentOf(DecisionReason.PRIORITY_TOO_HIGH)]).toEqual(['', 'track_refund']);
});
