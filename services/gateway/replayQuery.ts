import type { ContextServiceDefinition, RecordedDecision } from '../../gen/replymesh/context/v1/context_service.js';
import type { InferenceServiceDefinition, PredictResponse } from '../../gen/replymesh/inference/v1/inference_service.js';
import { type Decision, Degradation, type Query, ReplyOrigin } from '../../gen/replymesh/type/v1/decision.js';
import type { DecisionInputs } from '../../gen/replymesh/type/v1/decision_inputs.js';
import type { Policy } from '../../gen/replymesh/type/v1/policy.js';
import { type QueryServiceDefinition, ReplayObstacle, ReplayQueryResponse, ReplayStatus } from '../../gen/replymesh/v1/query_service.js';
import type { Within } from '../../lib/call.js';
import type { MeshClient } from '../../lib/client.js';
import type { Handler } from '../../lib/server.js';
import { assemble, evidenceOf, unfinished } from './answer.js';
import { decide } from './decide.js';
import type { TakeAllowance } from './rateLimit.js';
import { refusalReason } from './refusal.js';
import { decideAnew, differences, missingThen, passagesAsThen } from './replay.js';
import type { Spool } from './spool.js';
import type { Understanding } from './understand.js';
import { type GeneratorClient, toGenerate, type Written, withoutGenerator, wrote } from './write.js';

interface Parts {
  readonly context: Pick<MeshClient<ContextServiceDefinition>, 'getDecisionInputs'>;
  readonly inference: Pick<MeshClient<InferenceServiceDefinition>, 'predict'>;
  readonly generator: Pick<GeneratorClient, 'generate'>;
  readonly spool: Pick<Spool, 'byId'>;
  readonly takeAllowance: TakeAllowance;
}

/** Makes a recorded decision again, with the same functions as the first time, and compares the two. */
export const replayQuery =
  (parts: Parts): Handler<typeof QueryServiceDefinition, 'replayQuery'> =>
  async ({ id, policy }, call) => {
    await parts.takeAllowance(call.principal);
    const waiting = parts.spool.byId(call.principal.tenant, id);
    if (waiting) return impossible(ReplayObstacle.RECORD_WAITING, 'Wait until spooled_records is 0.', waiting);
    const { outcome } = await parts.context.getDecisionInputs({ id }, { within: call });
    if (outcome?.$case !== 'recorded')
      return impossible(
        ReplayObstacle.RECORD_ERASED,
        'It was erased with its customer, or dropped with its month: nothing brings it back.',
      );
    const { query, inputs } = outcome.value;
    if (!inputs)
      return impossible(ReplayObstacle.INPUTS_NOT_RECORDED, 'A version recorded it that did not keep what it was made from.', query);
    return policy ? byPolicy(query!, inputs, policy) : again(parts, outcome.value, inputs, call);
  };

const impossible = (obstacle: ReplayObstacle, problem: string, query?: Query): ReplayQueryResponse =>
  ReplayQueryResponse.fromPartial({ status: ReplayStatus.NOT_REPLAYABLE, obstacle, problem, recorded: query?.decision });

function compared(recorded: Decision, replayed: Decision, fields: string[], replyUnwritten = false): ReplayQueryResponse {
  const status = fields.length === 0 ? ReplayStatus.IDENTICAL : ReplayStatus.DIFFERENT;
  return ReplayQueryResponse.fromPartial({ status, differences: fields, recorded, replayed, replyUnwritten });
}

function byPolicy(query: Query, inputs: DecisionInputs, policy: Policy): ReplayQueryResponse {
  const { decision, replyUnwritten } = decideAnew(query, inputs, policy);
  // That another policy was asked is no difference.
  const fields = differences(query.decision!, decision).filter((field) => field !== 'evidence.policy_version');
  return compared(query.decision!, decision, fields, replyUnwritten);
}

async function again(
  parts: Parts,
  { query, passages }: RecordedDecision,
  inputs: DecisionInputs,
  call: Within,
): Promise<ReplayQueryResponse> {
  const recorded = query!.decision!;
  const now = passagesAsThen(inputs.passages, passages);
  if (now.changed.length > 0) {
    const problem = `Changed or gone since: ${now.changed.join(', ')}. Replay it on a copy of the database from that time.`;
    return impossible(ReplayObstacle.PASSAGE_CHANGED, problem, query);
  }
  const degraded = missingThen(recorded);
  const needed = recorded.evidence?.bundleDigest ?? '';
  const prediction = degraded.includes(Degradation.INFERENCE_UNAVAILABLE) ? undefined : await predict(parts, query!, needed, call);
  if (prediction === 'other bundle') {
    const problem = `It was made with bundle ${needed}, which is neither served nor in the models folder as it was. Add it: "models add FOLDER".`;
    return impossible(ReplayObstacle.BUNDLE_CHANGED, problem, query);
  }
  const context = degraded.includes(Degradation.CONTEXT_UNAVAILABLE)
    ? undefined
    : { known: true, profile: inputs.customer, interactions: inputs.interactions, features: recorded.evidence?.features };
  const found: Understanding = {
    context,
    prediction,
    passages: now.passages,
    masked: { text: query!.text, originals: new Map() },
    degraded,
  };
  const replayed = await decidedAgain(parts.generator, query!, found, inputs, call);
  return compared(recorded, replayed, differences(recorded, replayed));
}

/** The bundle is not in the models folder, or damaged, or knows the label space no more. */
const OTHER_BUNDLE: ReadonlySet<string | undefined> = new Set(['BUNDLE_UNKNOWN', 'BUNDLE_BROKEN', 'LABEL_SPACE_UNKNOWN']);

/** The models of then run on what the record has, whether they are served or not. */
async function predict(
  { inference }: Parts,
  { text, labelSpace, decision }: Query,
  needed: string,
  within: Within,
): Promise<PredictResponse | 'other bundle'> {
  const request = { text, labelSpace, features: decision?.evidence?.features, bundleDigest: needed };
  try {
    const prediction = await inference.predict(request, { within });
    // An inference service of a version before does not know what it was asked for.
    return prediction.bundleDigest === needed ? prediction : 'other bundle';
  } catch (error) {
    if (OTHER_BUNDLE.has(refusalReason(error))) return 'other bundle';
    throw error;
  }
}

const NO_TIME = { read: () => undefined };

/** The way of `answer`, with the recorded policy, and what the language model said then. */
async function decidedAgain(
  generator: Parts['generator'],
  query: Query,
  found: Understanding,
  inputs: DecisionInputs,
  within: Within,
): Promise<Decision> {
  const policy = inputs.policy!;
  const wanted = decide(evidenceOf(found), policy);
  const { reply, degraded } = query.decision!;
  // Where a reply was never finished, there is nothing of it to make again.
  if (!reply) return unfinished(assemble(query, found, wanted, undefined, policy, NO_TIME));
  const request = { ...toGenerate(found, wanted), replay: { transcript: inputs.transcript } };
  const written: Written = degraded.includes(Degradation.GENERATOR_UNAVAILABLE)
    ? withoutGenerator(request, reply.origin === ReplyOrigin.UNSPECIFIED ? reply.text : '')
    : wrote(await generator.generate(request, { within }));
  return assemble(query, found, decide(evidenceOf(found, written), policy), written, policy, NO_TIME);
}
