import type { InferenceServiceDefinition } from '../../gen/replymesh/inference/v1/inference_service.js';
import { Audience } from '../../gen/replymesh/type/v1/knowledge.js';
import type { KnowledgeServiceDefinition } from '../../gen/replymesh/v1/knowledge_service.js';
import type { Within } from '../../lib/call.js';
import { isUnavailable, type MeshClient } from '../../lib/client.js';
import type { Handler } from '../../lib/server.js';
import { type PassageSearch, searchPassages } from './passageSearch.js';
import { DEFAULT_PASSAGES } from './searchKnowledge.js';
import type { Store } from './store.js';
import type { CountedWords } from './wordCounts.js';

type Inference = Pick<MeshClient<InferenceServiceDefinition>, 'embed'>;

export const searchArticles =
  ({
    store,
    inference,
    wordCounts,
    now,
  }: {
    store: Store;
    inference: Inference;
    wordCounts: CountedWords;
    now: () => Date;
  }): Handler<KnowledgeServiceDefinition, 'searchArticles'> =>
  async (request, call) => {
    const embedded = await embed(inference, request.text, call);
    const search = {
      text: request.text,
      ...embedded,
      audience: request.audience || Audience.PUBLIC,
      limit: request.limit || DEFAULT_PASSAGES,
      intents: [],
      wordCounts: wordCounts.of(call.principal.tenant),
      now: now(),
    };
    return { passages: await store.within(call, (tx) => searchPassages(tx, store.vectors, search)) };
  };

/** Empty when inference is away: words still find something. It gets half of what is left of the deadline, so that the search has time. */
async function embed(inference: Inference, text: string, call: Within): Promise<Pick<PassageSearch, 'embedding' | 'encoderDigest'>> {
  const deadline = new Date((Date.now() + call.deadline.getTime()) / 2);
  try {
    const { embeddings, encoderDigest } = await inference.embed({ texts: [text] }, { within: { ...call, deadline } });
    return { embedding: embeddings[0]?.values ?? [], encoderDigest };
  } catch (error) {
    if (!isUnavailable(error)) throw error;
    call.signal.throwIfAborted();
    return { embedding: [], encoderDigest: '' };
  }
}
