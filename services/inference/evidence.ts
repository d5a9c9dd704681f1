import type { LabelSpace } from '../../gen/replymesh/type/v1/bundle.js';
import { energy, logSoftmax, pool } from './calibration.js';
import { entropyNats, voteEntropies } from './uncertainty.js';

/** What the models say of one text in one label space, before any policy. */
export interface SpaceEvidence {
  /** The pool: one calibrated probability for each label. */
  readonly probabilities: Float64Array;
  /** Each member's own probabilities, members × labels, row-major, in the order of the manifest. */
  readonly votes: Float64Array;
  /** Dropout samples drawn, 0 without a stochastic head. */
  readonly samples: number;
  readonly predictiveNats: number;
  readonly expectedNats: number;
  readonly mutualInformationNats: number;
  /** Jensen-Shannon divergence of the members' votes, nats. */
  readonly disagreementNats: number;
  /** Energy of the logits that the out-of-scope score is made of; absent when the space has no such score. */
  readonly energy: number | undefined;
}

/** Logits of a batch by the tensor's name, float32, row-major. */
export type Logits = (tensor: string) => Float32Array;

/**
 * Evidence of one row of a batch.
 * @param samples dropout samples in the logits of the stochastic head; 0 leaves that head out
 * @param row which row of the batch
 */
export function evidenceOf(space: LabelSpace, logits: Logits, samples: number, row: number): SpaceEvidence {
  const classes = space.labels.length;
  const members = space.members.map(({ logitsTensor, temperature, weight }) => ({
    weight,
    logProbabilities: logSoftmax(logits(logitsTensor), classes, temperature, row),
  }));
  const votes = new Float64Array(members.length * classes);
  members.forEach(({ logProbabilities }, i) => {
    votes.set(logProbabilities.map(Math.exp), i * classes);
  });
  const probabilities = pool(members);
  return {
    probabilities,
    votes,
    ...sampled(space, logits, samples, row, probabilities),
    disagreementNats: voteEntropies(votes, classes).mutualInformationNats,
    energy: space.outOfScope && energy(logits(space.outOfScope.logitsTensor), classes, row),
  };
}

function sampled(space: LabelSpace, logits: Logits, samples: number, row: number, pooled: Float64Array) {
  if (!space.monteCarlo || samples === 0) {
    const entropy = entropyNats(pooled);
    return { samples: 0, predictiveNats: entropy, expectedNats: entropy, mutualInformationNats: 0 };
  }
  const { logitsTensor, temperature } = space.monteCarlo;
  const classes = space.labels.length;
  const all = logits(logitsTensor);
  const probabilities = new Float64Array(samples * classes);
  for (let t = 0; t < samples; t++) {
    probabilities.set(logSoftmax(all, classes, temperature, row * samples + t).map(Math.exp), t * classes);
  }
  return { samples, ...voteEntropies(probabilities, classes) };
}
