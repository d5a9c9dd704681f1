import type { LabelSpace } from '../../gen/replymesh/type/v1/bundle.js';
import { energy, logSoftmax, pool } from './calibration.js';
import { entropyNats, voteEntropies } from './uncertainty.js';

/** What the models say of one text in one label space, before any policy. */
export interface SpaceEvidence {
  /** The pool: one calibrated probability for each label. */
  readonly probabilities: Float64Array;
  /** Own probabilities of each member that ran, by its place in the manifest; members that do not count run only when votes are asked for. */
  readonly votes: ReadonlyMap<number, Float64Array>;
  /** Dropout samples drawn, 0 without a stochastic head. */
  readonly samples: number;
  readonly predictiveNats: number;
  readonly expectedNats: number;
  readonly mutualInformationNats: number;
  /** Jensen-Shannon divergence of the votes of the members that count, nats. */
  readonly disagreementNats: number;
  /** Energy of the logits that the out-of-scope score is made of; absent when the space has no such score. */
  readonly energy: number | undefined;
  /** Distance to the nearest training rows; 0 when the score has none. */
  readonly distance: number;
}

/** Outputs of a batch by the tensor's name, float32, row-major; undefined for what did not run. */
export type Outputs = (tensor: string) => Float32Array | undefined;

/**
 * Evidence of one row of a batch.
 * @param samples dropout samples in the logits of the stochastic head; 0 leaves that head out
 * @param row which row of the batch
 */
export function evidenceOf(space: LabelSpace, outputs: Outputs, samples: number, row: number): SpaceEvidence {
  const classes = space.labels.length;
  const members = space.members.flatMap(({ logitsTensor, temperature, weight }, place) => {
    const logits = outputs(logitsTensor);
    return logits ? [{ place, weight, logProbabilities: logSoftmax(logits, classes, temperature, row) }] : [];
  });
  const votes = new Map(members.map(({ place, logProbabilities }) => [place, logProbabilities.map(Math.exp)]));
  const counted = members.filter(({ weight }) => weight > 0);
  const probabilities = pool(counted);
  const { outOfScope } = space;
  return {
    probabilities,
    votes,
    ...sampled(space, outputs, samples, row, probabilities),
    disagreementNats: voteEntropies(concatenated(counted.map(({ place }) => votes.get(place)!)), classes).mutualInformationNats,
    energy: outOfScope && energy(outputs(outOfScope.logitsTensor)!, classes, row),
    distance: outOfScope?.distanceTensor ? outputs(outOfScope.distanceTensor)![row]! : 0,
  };
}

function concatenated(parts: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function sampled(space: LabelSpace, outputs: Outputs, samples: number, row: number, pooled: Float64Array) {
  if (!space.monteCarlo || samples === 0) {
    const entropy = entropyNats(pooled);
    return { samples: 0, predictiveNats: entropy, expectedNats: entropy, mutualInformationNats: 0 };
  }
  const { logitsTensor, temperature } = space.monteCarlo;
  const classes = space.labels.length;
  const all = outputs(logitsTensor)!;
  const probabilities = new Float64Array(samples * classes);
  for (let t = 0; t < samples; t++) {
    probabilities.set(logSoftmax(all, classes, temperature, row * samples + t).map(Math.exp), t * classes);
  }
  return { samples, ...voteEntropies(probabilities, classes) };
}
