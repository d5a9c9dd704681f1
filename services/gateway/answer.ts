import type { GenerateResponse } from '../../gen/replymesh/generator/v1/generator_service.js';
import {
  Action,
  Decision,
  DecisionReason,
  Evidence,
  type Priority,
  PriorityCause,
  PriorityLevel,
  type Query,
  type Timings,
} from '../../gen/replymesh/type/v1/decision.js';
import type { Policy } from '../../gen/replymesh/type/v1/policy.js';
import type { StreamQueryResponse } from '../../gen/replymesh/v1/query_service.js';
import type { Within } from '../../lib/call.js';
import { log } from '../../lib/log.js';
import type { Accepted } from './accept.js';
import { type DecisionEvidence, decide, type Verdict } from './decide.js';
import { inputsOf } from './inputs.js';
import { restore, unmasked } from './mask.js';
import type { Record } from './record.js';
import { type Stopwatch, startStopwatch } from './stopwatch.js';
import { summarise } from './summary.js';
import { type Sources, type Understanding, understand } from './understand.js';
import { type GeneratorClient, toGenerate, type Written, write } from './write.js';

export interface Parts {
  readonly sources: Sources;
  readonly generator: GeneratorClient;
  readonly record: Record;
  readonly policy: Policy;
}
export type QueryEvent = NonNullable<StreamQueryResponse['event']>;
/** Tells the caller what happens to its query, in its order. */
export type Tell = (event: QueryEvent) => void;

/**
 * One message from acceptance to record: look up, understand, decide, write, decide again with the reply in hand, record.
 * With `tell` each supported sentence is an event, and from the first event on there will be a record, whatever happens to the reply.
 */
export async function answer(parts: Parts, accepted: Accepted, within: Within, tell?: Tell): Promise<Query> {
  const watch = startStopwatch(() => performance.now());
  const message = { masked: accepted.masked, customerId: accepted.request.customerId, labelSpace: accepted.request.labelSpace };
  const found = await understand(parts.sources, message, within, watch);
  const wanted = decide(evidenceOf(found), parts.policy);
  const understood = assemble(accepted, found, wanted, undefined, parts.policy, watch);
  tell?.({ $case: 'accepted', value: { id: accepted.id } });
  tell?.({ $case: 'understood', value: understood });
  const finish = async (): Promise<Finished> => {
    const written = await reply(parts.generator, found, wanted, within, watch, tell);
    const decision = assemble(accepted, found, decide(evidenceOf(found, written), parts.policy), written, parts.policy, watch);
    return { decision, transcript: written.result.transcript };
  };
  const { decision, transcript } = await finish().catch((error: unknown) => {
    if (!tell) throw error;
    // The caller was told "accepted": a person goes on from what is known.
    log.error({ error, query_id: accepted.id }, 'a reply could not be finished');
    return { decision: unfinished(understood), transcript: undefined };
  });
  const fingerprint = accepted.requestId ? accepted.fingerprint : '';
  const stands = await watch.time('recordUs', () =>
    parts.record(
      { query: recordOf(accepted, found, decision), fingerprint, inputs: inputsOf(found, parts.policy, transcript) },
      within.principal,
      within.deadline,
    ),
  );
  return { ...stands, decision: { ...stands.decision!, timings: watch.read() } };
}

interface Finished {
  readonly decision: Decision;
  readonly transcript: GenerateResponse['transcript'];
}

async function reply(
  generator: GeneratorClient,
  found: Understanding,
  wanted: Verdict,
  within: Within,
  watch: Stopwatch,
  tell?: Tell,
): Promise<Written> {
  const request = toGenerate(found, wanted);
  const writing = write(generator, request, tell !== undefined, { ...within, deadline: withReserve(within) });
  for (let index = 0; ; index += 1) {
    const next = await watch.time('generationUs', () => writing.next());
    if (next.done) return next.value;
    tell?.({ $case: 'sentence', value: { index, text: restore(next.value, found.masked.originals) } });
  }
}

/** A slow reply must leave time to record it. */
const RESERVE_MS = 500;
const withReserve = ({ deadline }: Within): Date => {
  const leftMs = deadline.getTime() - Date.now();
  return new Date(deadline.getTime() - Math.min(RESERVE_MS, leftMs * 0.2));
};

export function evidenceOf({ prediction, degraded }: Understanding, written?: Written): DecisionEvidence {
  return {
    model: prediction && {
      intent: prediction.intents[0]?.label ?? '',
      confidence: prediction.confidence,
      mutualInformationNats: prediction.uncertainty?.mutualInformation ?? 0,
      predictionSetSize: prediction.predictionSet?.labels.length ?? 0,
      outOfScope: prediction.outOfScope,
      priority: prediction.priority?.level ?? PriorityLevel.NORMAL,
    },
    reply: written && {
      complete: written.result.complete,
      withheldSentences: written.result.withheldSentences,
      citations: written.result.reply?.citations.length ?? 0,
    },
    degraded: [...degraded, ...(written?.degraded ?? [])],
  };
}

/** Nobody has read the message: a person looks in turn, no later. */
const UNREAD: Priority = { level: PriorityLevel.NORMAL, score: 0.5, reasons: [{ cause: PriorityCause.UNCERTAINTY, contribution: 0.5 }] };

export function assemble(
  { id }: Pick<Accepted, 'id'>,
  found: Understanding,
  verdict: Verdict,
  written: Written | undefined,
  policy: Policy,
  watch: { read(): Timings | undefined },
): Decision {
  const { prediction } = found;
  const decision = Decision.fromPartial({
    id,
    intents: prediction?.intents,
    confidence: prediction?.confidence,
    uncertainty: prediction?.uncertainty,
    predictionSet: prediction?.predictionSet,
    outOfScope: prediction?.outOfScope,
    sentiment: prediction?.sentiment,
    priority: prediction?.priority ?? UNREAD,
    action: verdict.action,
    reason: verdict.reason,
    reply: written?.result.reply,
    suggestedActions: written?.result.suggestedActions,
    degraded: [...found.degraded, ...(written?.degraded ?? [])],
    evidence: evidenceRecord(found, written?.result, policy),
    timings: watch.read(),
  });
  return verdict.action === Action.ESCALATE ? { ...decision, summary: summarise(decision) } : decision;
}

const evidenceRecord = ({ context, prediction, passages }: Understanding, result: GenerateResponse | undefined, policy: Policy): Evidence =>
  Evidence.fromPartial({
    bundleDigest: prediction?.bundleDigest,
    policyVersion: policy.version,
    features: context?.features,
    dropoutSeed: prediction?.dropoutSeed,
    passageSha256: passages.map((p) => p.textSha256),
    promptSha256: result?.promptSha256,
    usage: result?.usage,
    withheldSentences: result?.withheldSentences,
    memberVotes: prediction?.memberVotes,
  });

/** Nothing may be sent unseen of a reply that was never finished. */
export const unfinished = (understood: Decision): Decision =>
  understood.action === Action.ESCALATE ? understood : { ...understood, action: Action.DRAFT, reason: DecisionReason.INCOMPLETE_REPLY };

const recordOf = (accepted: Accepted, { prediction, masked }: Understanding, decision: Decision): Query => ({
  id: accepted.id,
  createTime: accepted.acceptedAt,
  requestId: accepted.requestId,
  customerId: accepted.request.customerId,
  sessionId: accepted.request.sessionId,
  channel: accepted.request.channel,
  // The one that was used, when the caller left it to the mesh.
  labelSpace: prediction?.labelSpace || accepted.request.labelSpace,
  text: masked.text,
  decision,
});

/** The decision for the caller: what was masked on the way in is restored in the reply. */
export function forCaller({ text, decision }: Query, { masked }: Accepted): Decision {
  const { reply } = decision!;
  return reply ? { ...decision!, reply: { ...reply, text: restore(reply.text, unmasked(masked, text)) } } : decision!;
}
