import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Action, Decision, DecisionReason, Degradation, PriorityLevel, ReplyOrigin } from '../../gen/replymesh/type/v1/decision.js';
import { DecisionInputs } from '../../gen/replymesh/type/v1/decision_inputs.js';
import { Passage } from '../../gen/replymesh/type/v1/knowledge.js';
import { IntentMode, Policy } from '../../gen/replymesh/type/v1/policy.js';
import { type DecisionEvidence, decide } from './decide.js';
import { policyFor } from './inputs.js';
import { decideAnew, differences, passagesAsThen } from './replay.js';

const INTENTS = ['get_refund', 'track_order', 'complaint'];
const modes = fc.constantFrom(IntentMode.AUTO, IntentMode.DRAFT, IntentMode.OFF);
const share = fc.constantFrom(0, 0.3, 0.5, 0.7, 0.9, 1);
const policies: fc.Arbitrary<Policy> = fc.record({
  version: fc.constantFrom('1', '2'),
  defaultMode: modes,
  intents: fc.dictionary(fc.constantFrom(...INTENTS), modes),
  minConfidenceAuto: share,
  minConfidenceDraft: share,
  maxMutualInformationAuto: share,
  maxPredictionSetAuto: fc.constantFrom(1, 2),
  escalateFromPriority: fc.constantFrom(PriorityLevel.HIGH, PriorityLevel.URGENT),
});
const models = fc.record({
  intent: fc.constantFrom(...INTENTS),
  confidence: share,
  mutualInformationNats: share,
  predictionSetSize: fc.constantFrom(0, 1, 2),
  outOfScope: fc.record({ isOutOfScope: fc.boolean(), score: share }),
  priority: fc.constantFrom(PriorityLevel.LOW, PriorityLevel.HIGH, PriorityLevel.URGENT),
});
const replies = fc.record({
  complete: fc.boolean(),
  withheldSentences: fc.nat({ max: 1 }),
  citations: fc.nat({ max: 2 }),
  byModel: fc.boolean(),
});
const degradations = fc.subarray([
  Degradation.CONTEXT_UNAVAILABLE,
  Degradation.KNOWLEDGE_UNAVAILABLE,
  Degradation.LANGUAGE_MODEL_UNAVAILABLE,
]);

type Reply = NonNullable<DecisionEvidence['reply']> & { readonly byModel: boolean };
/** What the gateway records of this evidence. */
function recordedOf(model: NonNullable<DecisionEvidence['model']>, reply: Reply, degraded: Degradation[], policy: Policy) {
  const wanted = decide({ model, reply: undefined, degraded }, policy);
  // Whoever waits for a person gets a holding reply; approved wording always comes to its end.
  const held = wanted.action === Action.ESCALATE;
  const written = held ? { complete: true, withheldSentences: 0, citations: 0 } : reply.byModel ? reply : { ...reply, complete: true };
  const decision = Decision.fromPartial({
    ...decide({ model, reply: written, degraded }, policy),
    intents: [{ label: model.intent, score: model.confidence }],
    confidence: model.confidence,
    uncertainty: { mutualInformation: model.mutualInformationNats },
    predictionSet: { labels: Array.from({ length: model.predictionSetSize }, (_, i) => `label-${i}`) },
    outOfScope: model.outOfScope,
    priority: { level: model.priority },
    degraded,
    reply: {
      origin: reply.byModel && !held ? ReplyOrigin.LANGUAGE_MODEL : ReplyOrigin.APPROVED_WORDING,
      citations: Array.from({ length: written.citations }, (_, i) => ({ articleId: `article-${i}` })),
    },
    evidence: { policyVersion: policy.version, withheldSentences: written.withheldSentences },
  });
  const transcript = reply.byModel && !held ? { finishReason: reply.complete ? 'stop' : 'length' } : undefined;
  return { decision, inputs: DecisionInputs.fromPartial({ transcript }), written };
}

describe('a recorded decision under another policy', () => {
  it('is what that policy would have decided of the same evidence, unless that turns on a reply that was never written', () =>
    fc.assert(
      fc.property(models, replies, degradations, policies, policies, (model, reply, degraded, then, other) => {
        const { decision, inputs, written } = recordedOf(model, reply, degraded, then);
        const anew = decideAnew({ decision }, inputs, other);
        const wanted = decide({ model, reply: undefined, degraded }, other);
        const unwritten = decision.action === Action.ESCALATE && wanted.action === Action.AUTO;
        expect(anew.replyUnwritten).toBe(unwritten);
        expect(anew.decision).toMatchObject(unwritten ? wanted : decide({ model, reply: written, degraded }, other));
      }),
    ));

  it('is itself under the policy that decided it', () =>
    fc.assert(
      fc.property(models, replies, degradations, policies, (model, reply, degraded, policy) => {
        const { decision, inputs } = recordedOf(model, reply, degraded, policy);
        const { action, reason } = decideAnew({ decision }, inputs, policyFor(model.intent, policy)).decision;
        expect([action, reason]).toEqual([decision.action, decision.reason]);
      }),
    ));

  it('stays with a person when nobody could understand the message', () => {
    const decision = Decision.fromPartial({ action: Action.ESCALATE, degraded: [Degradation.INFERENCE_UNAVAILABLE] });
    const anew = decideAnew({ decision }, DecisionInputs.create(), Policy.fromPartial({ defaultMode: IntentMode.AUTO }));
    expect(anew).toMatchObject({ replyUnwritten: false, decision: { action: Action.ESCALATE, reason: DecisionReason.NO_INFERENCE } });
  });
});

describe('a policy as far as it is kept with a decision', () => {
  it('holds one intent and decides the same for it', () =>
    fc.assert(
      fc.property(models, policies, (model, policy) => {
        const kept = policyFor(model.intent, policy);
        const evidence = { model, reply: undefined, degraded: [] };
        expect(decide(evidence, kept)).toEqual(decide(evidence, policy));
        expect(Object.keys(kept.intents).filter((intent) => intent !== model.intent)).toEqual([]);
      }),
    ));
});

describe('two decisions', () => {
  const decision = Decision.fromPartial({
    id: 'qry_1',
    confidence: 0.9,
    reply: { text: 'Yes.', citations: [{ articleId: 'a' }] },
    evidence: { bundleDigest: 'b', dropoutSeed: '00' },
    degraded: [Degradation.LANGUAGE_MODEL_UNAVAILABLE],
  });

  it('that differ in who asked, in the time they took and in where the record waited are the same', () => {
    const later = { ...decision, id: 'qry_2', degraded: [...decision.degraded, Degradation.RECORD_SPOOLED] };
    expect(differences(decision, Decision.fromPartial({ ...later, timings: { totalUs: 7 } }))).toEqual([]);
  });

  it.each<[object, string[]]>([
    [{ confidence: 0.9 + Number.EPSILON }, ['confidence']],
    [{ reply: { text: 'No.', citations: [{ articleId: 'a' }] } }, ['reply.text']],
    [{ reply: { text: 'Yes.', citations: [] } }, ['reply.citations']],
    [{ reply: undefined }, ['reply']],
    [{ evidence: { bundleDigest: 'c', dropoutSeed: '01' } }, ['evidence.bundle_digest', 'evidence.dropout_seed']],
    [{ degraded: [] }, ['degraded']],
  ])('that differ in %j are told apart by the names of the fields', (change, fields) => {
    expect(differences(decision, Decision.fromPartial({ ...decision, ...change }))).toEqual(fields);
  });
});

describe('passages that were offered', () => {
  const now = ['a#0', 'b#0', 'c#0'].map((id) =>
    Passage.fromPartial({ id, title: `T ${id}`, text: `text of ${id}`, textSha256: `sha of ${id}` }),
  );
  const then = [now[2]!, now[0]!].map(({ id, articleId, title, textSha256 }) => ({ id, articleId, title, textSha256 }));

  it('are taken in the order they were offered in', () => {
    expect(passagesAsThen(then, now)).toEqual({ passages: [now[2], now[0]], changed: [] });
  });

  it.each([
    ['whose text is another one', { textSha256: 'another' }],
    ['whose title is another one', { title: 'another' }],
    ['that is gone', { id: 'gone' }],
  ])('are named where there is one %s', (_, change) => {
    const changed = [then[0]!, { ...then[1]!, ...change }];
    expect(passagesAsThen(changed, now).changed).toEqual([changed[1]!.id]);
  });
});
