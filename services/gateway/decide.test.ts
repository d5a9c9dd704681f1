import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Action, Degradation, PriorityLevel, DecisionReason as Reason } from '../../gen/replymesh/type/v1/decision.js';
import { IntentMode } from '../../gen/replymesh/type/v1/policy.js';
import { packageRoot } from '../../lib/packageRoot.js';
import { type DecisionEvidence, decide, type ModelEvidence, type ReplyEvidence } from './decide.js';
import { loadPolicy } from './policy.js';

const policy = loadPolicy(fileURLToPath(new URL('services/gateway/policy.json', packageRoot)));
const sure: ModelEvidence = {
  intent: 'track_order',
  confidence: 0.99,
  mutualInformationNats: 0.01,
  predictionSetSize: 1,
  outOfScope: { isOutOfScope: false },
  priority: PriorityLevel.NORMAL,
};
const sourced: ReplyEvidence = { complete: true, withheldSentences: 0, citations: 1 };
const good: DecisionEvidence = { model: sure, reply: sourced, degraded: [] };
const withModel = (change: Partial<ModelEvidence>): DecisionEvidence => ({ ...good, model: { ...sure, ...change } });
const withReply = (change: Partial<ReplyEvidence>): DecisionEvidence => ({ ...good, reply: { ...sourced, ...change } });

describe('a reply is sent unseen only when everything allows it', () => {
  it.each<[string, DecisionEvidence, Action, Reason]>([
    ['everything is well', good, Action.AUTO, Reason.PERMITTED],
    ['the models cannot be reached', { ...good, model: undefined }, Action.ESCALATE, Reason.NO_INFERENCE],
    ['the message is out of scope', withModel({ outOfScope: { isOutOfScope: true } }), Action.ESCALATE, Reason.OUT_OF_SCOPE],
    ['the intent belongs to a person', withModel({ intent: 'complaint' }), Action.ESCALATE, Reason.INTENT_OFF],
    ['the models do not know', withModel({ confidence: 0.3 }), Action.ESCALATE, Reason.CONFIDENCE_TOO_LOW],
    ['it is urgent', withModel({ priority: PriorityLevel.URGENT }), Action.ESCALATE, Reason.PRIORITY_TOO_HIGH],
    ['the intent wants a glance', withModel({ intent: 'cancel_order' }), Action.DRAFT, Reason.INTENT_DRAFT_ONLY],
    ['two intents remain likely', withModel({ predictionSetSize: 2 }), Action.DRAFT, Reason.AMBIGUOUS],
    ['the confidence is middling', withModel({ confidence: 0.8 }), Action.DRAFT, Reason.CONFIDENCE_BELOW_AUTO],
    ['the model has not learned this', withModel({ mutualInformationNats: 0.5 }), Action.DRAFT, Reason.UNCERTAIN],
    ['the customer was not known', { ...good, degraded: [Degradation.CONTEXT_UNAVAILABLE] }, Action.DRAFT, Reason.DEGRADED],
    ['nothing could be searched', { ...good, degraded: [Degradation.KNOWLEDGE_UNAVAILABLE] }, Action.DRAFT, Reason.DEGRADED],
    ['the reply broke off', withReply({ complete: false }), Action.DRAFT, Reason.INCOMPLETE_REPLY],
    ['a sentence had no support', withReply({ withheldSentences: 1 }), Action.DRAFT, Reason.UNSUPPORTED_SENTENCE],
    ['nothing is cited', withReply({ citations: 0 }), Action.DRAFT, Reason.NO_SOURCE],
  ])('when %s', (_, evidence, action, reason) => {
    expect(decide(evidence, policy)).toEqual({ action, reason });
  });
});

const anyModel = fc.record({
  intent: fc.constantFrom('track_order', 'cancel_order', 'complaint', 'never_seen'),
  confidence: fc.double({ min: 0, max: 1, noNaN: true }),
  mutualInformationNats: fc.double({ min: 0, max: 3, noNaN: true }),
  predictionSetSize: fc.integer({ min: 0, max: 27 }),
  outOfScope: fc.option(fc.record({ isOutOfScope: fc.boolean() }), { nil: undefined }),
  priority: fc.constantFrom(PriorityLevel.LOW, PriorityLevel.NORMAL, PriorityLevel.HIGH, PriorityLevel.URGENT),
});
const anyReply = fc.record({
  complete: fc.boolean(),
  withheldSentences: fc.integer({ min: 0, max: 5 }),
  citations: fc.integer({ min: 0, max: 5 }),
});
const anyDegraded = fc.subarray([Degradation.CONTEXT_UNAVAILABLE, Degradation.KNOWLEDGE_UNAVAILABLE, Degradation.GENERATOR_UNAVAILABLE]);
const anyPolicy = fc.record({
  minConfidenceAuto: fc.double({ min: 0, max: 1, noNaN: true }),
  maxMutualInformationAuto: fc.double({ min: 0, max: 3, noNaN: true }),
  defaultMode: fc.constantFrom(IntentMode.AUTO, IntentMode.DRAFT, IntentMode.OFF),
});

describe('whatever the evidence', () => {
  it('the written reply never makes a verdict laxer', () => {
    fc.assert(
      fc.property(anyModel, anyReply, anyDegraded, anyPolicy, (model, reply, degraded, change) => {
        const chosen = { ...policy, ...change };
        expect(decide({ model, reply, degraded }, chosen).action).toBeGreaterThanOrEqual(
          decide({ model, reply: undefined, degraded }, chosen).action,
        );
      }),
    );
  });

  it('more confidence never takes a reply away', () => {
    fc.assert(
      fc.property(anyModel, anyReply, fc.double({ min: 0, max: 1, noNaN: true }), (model, reply, more) => {
        const confident = { ...model, confidence: Math.max(model.confidence, more) };
        expect(decide({ model: confident, reply, degraded: [] }, policy).action).toBeLessThanOrEqual(
          decide({ model, reply, degraded: [] }, policy).action,
        );
      }),
    );
  });

  it('nothing out of scope is ever sent unseen', () => {
    fc.assert(
      fc.property(anyModel, anyReply, (model, reply) => {
        expect(decide({ model: { ...model, outOfScope: { isOutOfScope: true } }, reply, degraded: [] }, policy).action).toBe(
          Action.ESCALATE,
        );
      }),
    );
  });
});
