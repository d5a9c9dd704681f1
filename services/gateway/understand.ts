import type { ContextServiceDefinition, GetContextResponse } from '../../gen/replymesh/context/v1/context_service.js';
import type { InferenceServiceDefinition, PredictResponse } from '../../gen/replymesh/inference/v1/inference_service.js';
import type { BehaviouralFeatures } from '../../gen/replymesh/type/v1/customer.js';
import { Degradation } from '../../gen/replymesh/type/v1/decision.js';
import { Audience, type Passage } from '../../gen/replymesh/type/v1/knowledge.js';
import type { Within } from '../../lib/call.js';
import { isUnavailable, type MeshClient } from '../../lib/client.js';
import { withFactsInQuestion } from './factsInQuestion.js';
import { type Masked, maskNames } from './mask.js';
import { share } from './share.js';
import type { Stopwatch } from './stopwatch.js';

export interface Sources {
  readonly context: MeshClient<typeof ContextServiceDefinition>;
  readonly inference: MeshClient<typeof InferenceServiceDefinition>;
}

/** What is known of a message before anything is decided. What could not be had is absent and named in `degraded`. */
export interface Understanding {
  /** With the facts of the profile that are of the matter in question. */
  readonly context: GetContextResponse | undefined;
  readonly prediction: PredictResponse | undefined;
  readonly passages: readonly Passage[];
  /** The message as it was read, its names masked too where the models could tell them. */
  readonly masked: Masked;
  readonly degraded: readonly Degradation[];
}

/** Passages offered to the generator: enough that the article behind an approved reply is nearly always among them, else a person has to look. */
const PASSAGES = 8;
/** Intents whose articles the search prefers. */
const PREFERRED_INTENTS = 3;
/** Shares of the time left when the step begins. The reply is written in what is left after all three. */
const CONTEXT_SHARE = 0.2;
const INFERENCE_SHARE = 0.5;
const SEARCH_SHARE = 0.3;

/** Looks the customer up, runs the models with what the customer's behaviour says, and searches with the embedding they give. */
export async function understand(
  { context, inference }: Sources,
  message: { masked: Masked; customerId: string; labelSpace: string },
  within: Within,
  watch: Stopwatch,
): Promise<Understanding> {
  const degraded: Degradation[] = [];
  const orDegrade = (as: Degradation) => (error: unknown) => {
    if (within.signal.aborted || !isUnavailable(error)) throw error;
    degraded.push(as);
    return undefined;
  };
  const found = await watch.time('contextUs', () =>
    context
      .getContext({ customerId: message.customerId }, { within: share(within, CONTEXT_SHARE) })
      .catch(orDegrade(Degradation.CONTEXT_UNAVAILABLE)),
  );
  const known = found?.profile ? { ...found, profile: withFactsInQuestion(found.profile, message.masked) } : found;
  const { prediction, masked } = await watch.time('inferenceUs', () =>
    read(inference, message, known?.features, share(within, INFERENCE_SHARE), orDegrade(Degradation.INFERENCE_UNAVAILABLE)),
  );
  // Without models a person answers, who searches better than the bare words would.
  if (!prediction) return { context: known, prediction, passages: [], masked, degraded };
  const articles = await watch.time('searchUs', () =>
    context
      .searchKnowledge(
        {
          text: masked.text,
          embedding: prediction.embedding,
          encoderDigest: prediction.encoderDigest,
          audience: Audience.PUBLIC,
          limit: PASSAGES,
          intents: prediction.intents.slice(0, PREFERRED_INTENTS).map((i) => i.label),
        },
        { within: share(within, SEARCH_SHARE) },
      )
      .catch(orDegrade(Degradation.KNOWLEDGE_UNAVAILABLE)),
  );
  return { context: known, prediction, passages: articles?.passages ?? [], masked, degraded };
}

/** Models that meet a name read the message once more without it: what is kept, searched and written about holds none, though they be gone by then. */
async function read(
  inference: Sources['inference'],
  { masked, labelSpace }: { masked: Masked; labelSpace: string },
  features: BehaviouralFeatures | undefined,
  within: Within,
  orDegrade: (error: unknown) => undefined,
): Promise<{ prediction: PredictResponse | undefined; masked: Masked }> {
  const asked = { labelSpace, features, includeEmbedding: true };
  const first = await inference.predict({ ...asked, text: masked.text, findNames: true }, { within }).catch(orDegrade);
  if (!first || first.names.length === 0) return { prediction: first, masked };
  const nameless = maskNames(masked, first.names);
  return { prediction: await inference.predict({ ...asked, text: nameless.text }, { within }).catch(orDegrade), masked: nameless };
}
