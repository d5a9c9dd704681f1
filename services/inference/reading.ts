import type { NameSpan, PredictRequest, PredictResponse } from '../../gen/replymesh/inference/v1/inference_service.js';
import type { LabelSpace } from '../../gen/replymesh/type/v1/bundle.js';
import type { BehaviouralFeatures } from '../../gen/replymesh/type/v1/customer.js';
import type { IntentScore, OutOfScope, PredictionSet, Uncertainty } from '../../gen/replymesh/type/v1/decision.js';
import { type Candidate, confidenceOf, outOfScopeScore, predictionSet, ranked } from './calibration.js';
import type { SpaceEvidence } from './evidence.js';
import { priorityOf } from './priority.js';
import { sentimentOf } from './sentiment.js';

/** What the models gave for one text, before the request's own wishes are applied: what is cached. */
export interface Reading {
  /** Unit length. */
  readonly embedding: Float32Array;
  readonly evidence: SpaceEvidence;
  /** Probabilities of the sentiment labels; absent when the bundle has none. */
  readonly sentiment: Float64Array | undefined;
  readonly tokenCount: number;
  readonly truncated: boolean;
  /** Absent when they were not looked for. */
  readonly names: readonly NameSpan[] | undefined;
}

/** Memory of a cached reading in bytes, about. */
export const readingBytes = ({ embedding, evidence }: Reading): number =>
  1000 + embedding.byteLength + evidence.probabilities.byteLength * (1 + evidence.votes.size);

/** Intents in an answer when the request asks for no number. */
const DEFAULT_INTENT_LIMIT = 5;

type Wishes = Pick<PredictRequest, 'text' | 'includeEmbedding' | 'includeMemberVotes' | 'intentLimit'> & {
  readonly features: BehaviouralFeatures;
};

/** A reading in the words of the contract; what says where it came from (digests, seed) is the caller's to add. */
export function responseOf(
  request: Wishes,
  space: LabelSpace,
  sentimentLabels: readonly string[],
  reading: Reading,
): Omit<PredictResponse, 'bundleDigest' | 'encoderDigest' | 'dropoutSeed'> {
  const { evidence } = reading;
  const limit = request.intentLimit || DEFAULT_INTENT_LIMIT;
  const candidates = ranked(evidence.probabilities);
  const sentiment = reading.sentiment && sentimentOf(sentimentLabels, reading.sentiment);
  const relativeEntropy = evidence.predictiveNats / Math.log(space.labels.length);
  return {
    labelSpace: space.name,
    intents: intentsOf(space, candidates, limit),
    confidence: confidenceOf(candidates[0]!.probability, evidence.mutualInformationNats, evidence.disagreementNats, space.confidence),
    uncertainty: uncertaintyOf(evidence),
    predictionSet: predictionSetOf(space, candidates),
    outOfScope: outOfScopeOf(space, evidence),
    sentiment,
    priority: priorityOf({ text: request.text, features: request.features, sentiment, relativeEntropy }),
    embedding: request.includeEmbedding ? Array.from(reading.embedding) : [],
    memberVotes: [...evidence.votes].map(([place, vote]) => ({
      member: space.members[place]!.name,
      intents: intentsOf(space, ranked(vote), request.includeMemberVotes ? limit : 1),
    })),
    tokenCount: reading.tokenCount,
    truncated: reading.truncated,
    names: [...(reading.names ?? [])],
    namesRead: reading.names !== undefined,
  };
}

const intentsOf = ({ labels }: LabelSpace, candidates: readonly Candidate[], limit: number): IntentScore[] =>
  candidates.slice(0, limit).map(({ index, probability }) => ({ label: labels[index]!, score: probability }));

const uncertaintyOf = (evidence: SpaceEvidence): Uncertainty => ({
  predictiveEntropy: evidence.predictiveNats,
  expectedEntropy: evidence.expectedNats,
  mutualInformation: evidence.mutualInformationNats,
  samples: evidence.samples,
  ensembleDisagreement: evidence.disagreementNats,
});

const predictionSetOf = ({ conformal, labels }: LabelSpace, candidates: readonly Candidate[]): PredictionSet | undefined =>
  conformal && { labels: predictionSet(candidates, conformal).map(({ index }) => labels[index]!), coverage: conformal.coverage };

function outOfScopeOf({ outOfScope }: LabelSpace, { energy, distance }: SpaceEvidence): OutOfScope | undefined {
  if (!outOfScope || energy === undefined) return undefined;
  const score = outOfScopeScore(energy, distance, outOfScope);
  return { score, isOutOfScope: score >= outOfScope.threshold };
}
