import { AbortError } from 'abort-controller-x';
import { ClientError, Status } from 'nice-grpc';
import { describe, expect, it } from 'vitest';
import { NameKind, type PredictRequest, type PredictResponse } from '../../gen/replymesh/inference/v1/inference_service.js';
import { Action, DecisionReason, Degradation, PriorityLevel, type Query } from '../../gen/replymesh/type/v1/decision.js';
import { IntentMode, Policy } from '../../gen/replymesh/type/v1/policy.js';
import { ProcessQueryRequest } from '../../gen/replymesh/v1/query_service.js';
import { background } from '../../lib/call.js';
import { accept } from './accept.js';
import { answer, type Parts, type QueryEvent } from './answer.js';

const prediction = {
  intents: [{ label: 'track_refund', score: 0.99 }],
  confidence: 0.99,
  priority: { level: PriorityLevel.NORMAL, score: 0.5, reasons: [] },
  names: [],
} as unknown as PredictResponse;
const policy = Policy.fromPartial({ defaultMode: IntentMode.AUTO, maxPredictionSetAuto: 1, escalateFromPriority: PriorityLevel.URGENT });

/** Context and models that are well, and a generator that breaks in the middle of its reply. */
function partsThatBreak(error: unknown) {
  const kept: Query[] = [];
  const parts = {
    sources: {
      context: { getContext: async () => ({}), searchKnowledge: async () => ({ passages: [] }) },
      inference: { predict: async () => prediction },
    },
    generator: {
      generate: async () => Promise.reject(error),
      generateStream: async function* () {
        yield { event: { $case: 'sentence', value: 'We send every refund. ' } };
        throw error;
      },
    },
    record: async ({ query }: { query: Query }) => {
      kept.push(query);
      return query;
    },
    policy,
  } as unknown as Parts;
  return { parts, kept };
}
const message = (id = '') => accept(ProcessQueryRequest.fromPartial({ text: 'Where is my refund?' }), id);
const caller = () => background({ tenant: 'demo', timeoutMs: 5000 });

describe('a reply that breaks off', () => {
  it.each([
    ['cut short', new AbortError()],
    ['broken', new Error('a bug')],
  ])('by being %s leaves a record for a person, when the caller was told that the message was accepted', async (_, error) => {
    const { parts, kept } = partsThatBreak(error);
    const told: QueryEvent[] = [];
    const stands = await answer(parts, message('r-1'), caller(), (event) => told.push(event));
    expect(told.map((e) => e.$case)).toEqual(['accepted', 'understood', 'sentence']);
    expect(kept).toHaveLength(1);
    expect([stands.decision?.action, stands.decision?.reason]).toEqual([Action.DRAFT, DecisionReason.INCOMPLETE_REPLY]);
    expect(stands.decision?.reply).toBeUndefined();
  });

  it('is an error, and no record, when the caller was told nothing', async () => {
    const { parts, kept } = partsThatBreak(new Error('a bug'));
    await expect(answer(parts, message('r-1'), caller())).rejects.toThrow('a bug');
    expect(kept).toEqual([]);
  });
});

describe('a record', () => {
  it('says in which label space the message was read, when the caller left it to the mesh, and what each base model would have chosen', async () => {
    const memberVotes = [
      { member: 'minilm', intents: [{ label: 'track_refund', score: 0.9 }] },
      { member: 'roberta', intents: [{ label: 'get_refund', score: 0.6 }] },
    ];
    const { parts, kept } = partsThatBreak(new Error('a bug'));
    const predict = async () => ({ ...prediction, labelSpace: 'support', memberVotes });
    const inference = { ...parts.sources.inference, predict } as unknown as Parts['sources']['inference'];
    await answer({ ...parts, sources: { ...parts.sources, inference } }, message('r-1'), caller(), () => {});
    expect(kept[0]).toMatchObject({ labelSpace: 'support', decision: { evidence: { memberVotes } } });
  });

  it('holds no name that was found, though the models are gone before they have read the message without it', async () => {
    const { parts, kept } = partsThatBreak(new ClientError('/generator', Status.UNAVAILABLE, ''));
    const predict = async ({ text, findNames }: PredictRequest) => {
      if (!findNames) throw new ClientError('/inference', Status.UNAVAILABLE, '');
      const start = text.indexOf('Ada');
      return { ...prediction, names: [{ kind: NameKind.PERSON, start, end: start + 'Ada'.length }] };
    };
    const inference = { ...parts.sources.inference, predict } as unknown as Parts['sources']['inference'];
    const request = ProcessQueryRequest.fromPartial({ text: 'I am Ada, where is my refund?' });
    await answer({ ...parts, sources: { ...parts.sources, inference } }, accept(request, 'r-1'), caller());
    expect(kept[0]).toMatchObject({ text: 'I am {{NAME_1}}, where is my refund?', decision: { action: Action.ESCALATE } });
    expect(kept[0]?.decision?.degraded).toContain(Degradation.INFERENCE_UNAVAILABLE);
  });
});
