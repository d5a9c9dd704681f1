import { isDeepStrictEqual } from 'node:util';
import type { InferenceServiceDefinition, PredictRequest, PredictResponse } from '../../gen/replymesh/inference/v1/inference_service.js';
import type { LabelSpace } from '../../gen/replymesh/type/v1/bundle.js';
import { BehaviouralFeatures } from '../../gen/replymesh/type/v1/customer.js';
import type { Handler } from '../../lib/server.js';
import { fail } from '../errors.js';
import type { Task } from './batch.js';
import type { Batcher } from './batcher.js';
import type { Bundle } from './bundle.js';
import type { Cache } from './cache.js';
import { type DropoutSeed, dropoutSeed, seedWords } from './dropout.js';
import { type ReadText, tokensAlone } from './inputs.js';
import { confidenceScore, POOL, predictions } from './metrics.js';
import { type RowResult, SENTIMENT_SPACE } from './models.js';
import { type NameText, nameSpans, type ReadNames } from './nameReader.js';
import { type Reading, responseOf } from './reading.js';

export interface PredictParts {
  readonly bundle: Bundle;
  readonly read: ReadText;
  readonly readNames: ReadNames | undefined;
  readonly batcher: Batcher;
  readonly cache: Cache<Reading>;
}

/** Says what a text is about, how sure the models are, and why. */
export const predict =
  ({ bundle, read, readNames, batcher, cache }: PredictParts): Handler<InferenceServiceDefinition, 'predict'> =>
  async (request, call) => {
    const { text } = request;
    const space = spaceOf(bundle, request.labelSpace);
    const features = request.features ?? BehaviouralFeatures.create();
    const seed = dropoutSeed(call.principal.tenant, text, bundle.digest);
    const reading = await cache.through(cacheKey(seed, space, features, request), call.signal, async (signal) => {
      const inputs = read(text);
      const task = { space: space.name, inputs, seed: seedWords(seed), votes: request.includeMemberVotes, background: false };
      const names = request.findNames ? readNames?.(text) : undefined;
      const [{ embedding, evidence, sentiment }, classes] = await runWithNames(batcher, task, names, signal);
      return {
        embedding,
        evidence: evidence!,
        sentiment,
        tokenCount: inputs.ids.length,
        truncated: inputs.truncated,
        names: names && nameSpans(names, classes, bundle.manifest.names!.kinds),
      };
    });
    const sentimentLabels = bundle.spaces.get(SENTIMENT_SPACE)?.labels ?? [];
    const response = responseOf({ ...request, features }, space, sentimentLabels, reading);
    count(response, space, reading);
    return {
      ...response,
      bundleDigest: bundle.digest,
      encoderDigest: bundle.encoderDigest,
      dropoutSeed: Buffer.from(seed.subarray(0, 16)).toString('hex'),
    };
  };

const spaceOf = ({ spaces, defaultSpace }: Bundle, name: string): LabelSpace =>
  name === '' ? defaultSpace : (spaces.get(name) ?? fail('LABEL_SPACE_UNKNOWN', { space: name, known: [...spaces.keys()].join(', ') }));

/** The seed stands for tenant, text and bundle; the text itself is not kept. */
const cacheKey = (
  seed: DropoutSeed,
  space: LabelSpace,
  features: BehaviouralFeatures,
  { includeMemberVotes, findNames }: Pick<PredictRequest, 'includeMemberVotes' | 'findNames'>,
): string =>
  [seed, BehaviouralFeatures.encode(features).finish()].map((bytes) => Buffer.from(bytes).toString('base64')).join() +
  space.name +
  (includeMemberVotes ? ' votes' : '') +
  (findNames ? ' names' : '');

/** Names are read along with the text itself where both see the same tokens; else, as in a long text, its parts run by themselves. */
async function runWithNames(
  batcher: Batcher,
  task: Task,
  names: NameText | undefined,
  signal: AbortSignal,
): Promise<[row: RowResult, nameClasses: Uint8Array[]]> {
  const [whole, ...others] = names?.parts ?? [];
  if (whole && others.length === 0 && isDeepStrictEqual(whole.ids, task.inputs.ids)) {
    const row = await batcher.run({ ...task, shapes: whole.shapes }, signal);
    return [row, [row.nameClasses!]];
  }
  const [row, ...parts] = await Promise.all([
    batcher.run(task, signal),
    ...(names?.parts ?? []).map(({ ids, shapes }) =>
      batcher.run({ ...task, space: undefined, votes: false, inputs: tokensAlone({ ids, truncated: false }), shapes }, signal),
    ),
  ]);
  return [row, parts.map(({ nameClasses }) => nameClasses!)];
}

function count(response: Pick<PredictResponse, 'intents' | 'confidence'>, space: LabelSpace, { evidence }: Reading): void {
  predictions.inc({ model: POOL, intent: response.intents[0]!.label });
  confidenceScore.observe({ model: POOL }, response.confidence);
  for (const [place, vote] of evidence.votes) {
    const { name } = space.members[place]!;
    const first = vote.reduce((best, p, i) => (p > vote[best]! ? i : best), 0);
    predictions.inc({ model: name, intent: space.labels[first]! });
    confidenceScore.observe({ model: name }, vote[first]!);
  }
}
