import {
  Action,
  Degradation,
  type OutOfScope,
  type PriorityLevel,
  DecisionReason as Reason,
} from '../../gen/replymesh/type/v1/decision.js';
import { IntentMode, type Policy } from '../../gen/replymesh/type/v1/policy.js';

/** What the models said, as far as a decision turns on it. */
export interface ModelEvidence {
  readonly intent: string;
  /** Calibrated, 0 to 1. */
  readonly confidence: number;
  readonly mutualInformationNats: number;
  /** 0 when the space has no prediction sets. */
  readonly predictionSetSize: number;
  readonly outOfScope: Pick<OutOfScope, 'isOutOfScope'> | undefined;
  readonly priority: PriorityLevel;
}

/** What is known of the reply once it is written. */
export interface ReplyEvidence {
  readonly complete: boolean;
  readonly withheldSentences: number;
  readonly citations: number;
}

/** Everything a decision stands on. `model` is absent without inference, `reply` until it is written. */
export interface DecisionEvidence {
  readonly model: ModelEvidence | undefined;
  readonly reply: ReplyEvidence | undefined;
  readonly degraded: readonly Degradation[];
}

export type EscalateReason =
  | Reason.NO_INFERENCE
  | Reason.OUT_OF_SCOPE
  | Reason.INTENT_OFF
  | Reason.CONFIDENCE_TOO_LOW
  | Reason.PRIORITY_TOO_HIGH;
export type DraftReason =
  | Reason.INTENT_DRAFT_ONLY
  | Reason.AMBIGUOUS
  | Reason.CONFIDENCE_BELOW_AUTO
  | Reason.UNCERTAIN
  | Reason.INCOMPLETE_REPLY
  | Reason.UNSUPPORTED_SENTENCE
  | Reason.NO_SOURCE
  | Reason.DEGRADED;
export type Verdict =
  | { readonly action: Action.AUTO; readonly reason: Reason.PERMITTED }
  | { readonly action: Action.DRAFT; readonly reason: DraftReason }
  | { readonly action: Action.ESCALATE; readonly reason: EscalateReason };

/** Lesser answers that a person has to see: the customer or the sources were not known, or the reply is the gateway's own. */
const BLOCKS_AUTO: ReadonlySet<Degradation> = new Set([
  Degradation.CONTEXT_UNAVAILABLE,
  Degradation.KNOWLEDGE_UNAVAILABLE,
  Degradation.GENERATOR_UNAVAILABLE,
]);

/**
 * The first rule that applies, in the order of `docs/reference/decision.md`. Same evidence and policy, same verdict.
 * Asked twice: before the reply is written (`reply` absent), to say what kind is wanted, and after; the second verdict is never laxer than the first.
 */
export function decide(evidence: DecisionEvidence, policy: Policy): Verdict {
  const { model } = evidence;
  if (!model) return { action: Action.ESCALATE, reason: Reason.NO_INFERENCE };
  const escalation = escalationReason(model, policy);
  if (escalation !== undefined) return { action: Action.ESCALATE, reason: escalation };
  const draft = modelDraftReason(model, policy) ?? replyDraftReason(evidence);
  if (draft !== undefined) return { action: Action.DRAFT, reason: draft };
  return { action: Action.AUTO, reason: Reason.PERMITTED };
}

const modeOf = (intent: string, policy: Policy): IntentMode => policy.intents[intent] ?? policy.defaultMode;

function escalationReason(model: ModelEvidence, policy: Policy): EscalateReason | undefined {
  if (model.outOfScope?.isOutOfScope) return Reason.OUT_OF_SCOPE;
  if (modeOf(model.intent, policy) === IntentMode.OFF) return Reason.INTENT_OFF;
  if (model.confidence < policy.minConfidenceDraft) return Reason.CONFIDENCE_TOO_LOW;
  if (model.priority >= policy.escalateFromPriority) return Reason.PRIORITY_TOO_HIGH;
  return undefined;
}

function modelDraftReason(model: ModelEvidence, policy: Policy): DraftReason | undefined {
  if (modeOf(model.intent, policy) !== IntentMode.AUTO) return Reason.INTENT_DRAFT_ONLY;
  if (model.predictionSetSize > policy.maxPredictionSetAuto) return Reason.AMBIGUOUS;
  if (model.confidence < policy.minConfidenceAuto) return Reason.CONFIDENCE_BELOW_AUTO;
  if (model.mutualInformationNats > policy.maxMutualInformationAuto) return Reason.UNCERTAIN;
  return undefined;
}

function replyDraftReason({ reply, degraded }: DecisionEvidence): DraftReason | undefined {
  if (degraded.some((d) => BLOCKS_AUTO.has(d))) return Reason.DEGRADED;
  if (!reply) return undefined;
  if (!reply.complete) return Reason.INCOMPLETE_REPLY;
  if (reply.withheldSentences > 0) return Reason.UNSUPPORTED_SENTENCE;
  if (reply.citations === 0) return Reason.NO_SOURCE;
  return undefined;
}
