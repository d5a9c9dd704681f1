import { Action, Decision, Degradation, PriorityLevel, type Query, ReplyOrigin } from '../../gen/replymesh/type/v1/decision.js';
import type { DecisionInputs, PassageReference } from '../../gen/replymesh/type/v1/decision_inputs.js';
import type { Passage } from '../../gen/replymesh/type/v1/knowledge.js';
import type { Policy } from '../../gen/replymesh/type/v1/policy.js';
import { decide, type ReplyEvidence } from './decide.js';
import { summarise } from './summary.js';

/** The passages that were offered, in their order, when each still says what it said; else the ids of those that do not. */
export function passagesAsThen(
  then: readonly PassageReference[],
  now: readonly Passage[],
): { readonly passages: readonly Passage[]; readonly changed: readonly string[] } {
  const byId = new Map(now.map((passage) => [passage.id, passage]));
  const same = ({ id, title, textSha256 }: PassageReference): Passage[] => {
    const passage = byId.get(id);
    return passage && passage.title === title && passage.textSha256 === textSha256 ? [passage] : [];
  };
  return { passages: then.flatMap(same), changed: then.flatMap((one) => (same(one).length > 0 ? [] : [one.id])) };
}

/** Parts of the mesh that the message could not be understood with, as against those that came after. */
const BEFORE_DECISION: ReadonlySet<Degradation> = new Set([
  Degradation.CONTEXT_UNAVAILABLE,
  Degradation.INFERENCE_UNAVAILABLE,
  Degradation.KNOWLEDGE_UNAVAILABLE,
]);
export const missingThen = ({ degraded }: Decision): Degradation[] => degraded.filter((one) => BEFORE_DECISION.has(one));

/** A decision as far as it can be made again: who was answered when, how fast, and where the record waited is another matter. */
const comparable = (decision: Decision): Decision => ({
  ...decision,
  id: '',
  timings: undefined,
  degraded: decision.degraded.filter((one) => one !== Degradation.RECORD_SPOOLED),
});

const bytesOf = (decision: Decision): Buffer => Buffer.from(Decision.encode(decision).finish());

/** Fields in which two decisions differ, by their names in the contract; none when they are the same to the byte. */
export function differences(recorded: Decision, replayed: Decision): string[] {
  const [one, other] = [comparable(recorded), comparable(replayed)];
  if (bytesOf(one).equals(bytesOf(other))) return [];
  return namesOf(Decision.toJSON(one), Decision.toJSON(other), '');
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Goes into messages, not into lists: which of several candidates changed places says little. */
function namesOf(one: unknown, other: unknown, name: string): string[] {
  if (!isObject(one) || !isObject(other)) return JSON.stringify(one) === JSON.stringify(other) ? [] : [name];
  const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  return keys.flatMap((key) => namesOf(one[key], other[key], `${name && `${name}.`}${snakeCase(key)}`));
}

/** Whether the recorded reply reached its end. */
function isComplete({ reply }: Decision, { transcript }: DecisionInputs): boolean {
  if (reply?.origin === ReplyOrigin.LANGUAGE_MODEL) return transcript?.finishReason === 'stop';
  return reply?.origin === ReplyOrigin.APPROVED_WORDING;
}

const replyEvidence = (decision: Decision, inputs: DecisionInputs): ReplyEvidence => ({
  complete: isComplete(decision, inputs),
  withheldSentences: decision.evidence?.withheldSentences ?? 0,
  citations: decision.reply?.citations.length ?? 0,
});

export interface OtherVerdict {
  readonly decision: Decision;
  /** Whether it turns on a reply that was never written, since a holding reply was. */
  readonly replyUnwritten: boolean;
}

/** What another policy decides of the recorded evidence. Nothing is read, looked up or written again. */
export function decideAnew({ decision }: Pick<Query, 'decision'>, inputs: DecisionInputs, policy: Policy): OtherVerdict {
  const recorded = decision!;
  const understood = !recorded.degraded.includes(Degradation.INFERENCE_UNAVAILABLE);
  const evidence = {
    model: understood
      ? {
          intent: recorded.intents[0]?.label ?? '',
          confidence: recorded.confidence,
          mutualInformationNats: recorded.uncertainty?.mutualInformation ?? 0,
          predictionSetSize: recorded.predictionSet?.labels.length ?? 0,
          outOfScope: recorded.outOfScope,
          priority: recorded.priority?.level ?? PriorityLevel.NORMAL,
        }
      : undefined,
    degraded: recorded.degraded,
  };
  const wanted = decide({ ...evidence, reply: undefined }, policy);
  const replyUnwritten = recorded.action === Action.ESCALATE && wanted.action === Action.AUTO;
  const verdict = replyUnwritten ? wanted : decide({ ...evidence, reply: replyEvidence(recorded, inputs) }, policy);
  const anew: Decision = {
    ...recorded,
    ...verdict,
    summary: '',
    evidence: recorded.evidence && { ...recorded.evidence, policyVersion: policy.version },
  };
  return { decision: verdict.action === Action.ESCALATE ? { ...anew, summary: summarise(anew) } : anew, replyUnwritten };
}
