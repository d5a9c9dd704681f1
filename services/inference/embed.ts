import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Embedding, InferenceServiceDefinition } from '../../gen/replymesh/inference/v1/inference_service.js';
import type { Handler } from '../../lib/server.js';
import type { Batcher } from './batcher.js';
import type { Bundle } from './bundle.js';
import { tokensAlone } from './inputs.js';
import type { Tokenize } from './tokenizer.js';

/** Most texts of one call that wait for a thread at once: an import must not stand in front of customers' messages. */
const SLICE = 16;

/** Embeds texts with the bundle's frozen encoder. */
export const embed =
  ({ bundle, tokenize, batcher }: { bundle: Bundle; tokenize: Tokenize; batcher: Batcher }): Handler<InferenceServiceDefinition, 'embed'> =>
  async ({ texts }, call) => {
    const embeddings: Embedding[] = [];
    // Many texts are passages; a single one is a question, whose answer somebody waits for.
    const background = texts.length > 1;
    for (let start = 0; start < texts.length; start += SLICE) {
      const rows = await Promise.all(
        texts.slice(start, start + SLICE).map(async (text) => {
          // One long text takes some milliseconds: other calls go in between.
          await nextTurn();
          const inputs = tokensAlone(tokenize(text));
          return batcher.run({ space: undefined, inputs, seed: [0, 0, 0, 0], votes: false, background }, call.signal);
        }),
      );
      for (const { embedding } of rows) embeddings.push({ values: Array.from(embedding) });
    }
    return { embeddings, bundleDigest: bundle.digest, encoderDigest: bundle.encoderDigest };
  };
