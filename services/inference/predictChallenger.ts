import type { InferenceServiceDefinition } from '../../gen/replymesh/inference/v1/inference_service.js';
import type { Handler } from '../../lib/server.js';
import { fail, fault } from '../errors.js';
import type { Batcher } from './batcher.js';
import { confidenceOf, ranked } from './calibration.js';
import type { Challenger } from './challenger.js';
import { dropoutSeed, seedWords } from './dropout.js';

interface Parts {
  readonly challenger: Pick<Challenger, 'loaded'>;
  /** Texts that the champion has not come to yet. */
  readonly champion: Pick<Batcher, 'waiting'>;
}

/** What the challenger makes of a text, while the champion has nothing to do. */
export const predictChallenger =
  ({ challenger, champion }: Parts): Handler<InferenceServiceDefinition, 'predictChallenger'> =>
  async ({ text, labelSpace }, call) => {
    const { bundle, read, batcher } = challenger.loaded ?? fail('NO_CHALLENGER', {});
    const space = labelSpace === '' ? bundle.defaultSpace : bundle.spaces.get(labelSpace);
    if (!space) return fail('LABEL_SPACE_UNKNOWN', { space: labelSpace, known: [...bundle.spaces.keys()].join(', ') });
    const queued = champion.waiting();
    if (queued > 0) throw fault('INFERENCE_BUSY', { queued });
    const seed = seedWords(dropoutSeed(call.principal.tenant, text, bundle.digest));
    const { evidence } = await batcher.run({ space: space.name, inputs: read(text), seed, votes: false, background: true }, call.signal);
    const { probabilities, mutualInformationNats, disagreementNats, predictiveNats } = evidence!;
    const [first] = ranked(probabilities);
    return {
      bundleDigest: bundle.digest,
      labelSpace: space.name,
      intent: space.labels[first!.index]!,
      confidence: confidenceOf(first!.probability, mutualInformationNats, disagreementNats, space.confidence),
      predictiveEntropy: predictiveNats,
    };
  };
