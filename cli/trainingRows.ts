import { Draw } from '../gen/replymesh/v1/review_service.js';
import { type RandomSample, type TrainingRow, TrainingServiceDefinition } from '../gen/replymesh/v1/training_service.js';
import type { Environment } from '../lib/config.js';
import { CommandFailed } from './failure.js';
import { withMesh } from './meshClient.js';

export interface Asked {
  readonly space: string;
  /** Labels since then. */
  readonly since?: Date;
  readonly drawn?: 'random' | 'chosen';
}

/** What people labelled, sorted by its use. */
export interface Labelled {
  /** Rows to train on. */
  readonly chosen: readonly TrainingRow[];
  /** Rows to calibrate with: a fair sample. */
  readonly random: readonly TrainingRow[];
  /** Messages of which people said different things. */
  readonly disputed: number;
  /** Rows that were left out, because the space does not have their label. */
  readonly unknownLabels: number;
  readonly sample: RandomSample;
  readonly servedBundleDigest: string;
}

const DRAWS = { random: Draw.RANDOM, chosen: Draw.CHOSEN } as const;

/** Reads all labelled rows of a space from the mesh on this machine. @throws CommandFailed */
export const readLabelled = ({ space, since, drawn }: Asked, env: Environment): Promise<Labelled> =>
  withMesh(TrainingServiceDefinition, ['training.read'], env, async (training) => {
    const rows: TrainingRow[] = [];
    const request = { labelSpace: space, startTime: since, draw: drawn && DRAWS[drawn] };
    let told: { sample: RandomSample | undefined; servedBundleDigest: string } | undefined;
    for (let pageToken = '', more = true; more; more = pageToken !== '') {
      const before = pageToken;
      for await (const { rows: some, nextPageToken, ...rest } of training.exportTrainingRows({ ...request, pageToken })) {
        rows.push(...some);
        pageToken = nextPageToken;
        told = rest;
      }
      if (pageToken === before && before !== '')
        throw new CommandFailed('The mesh gives no more rows, and does not say that these are all. Try again.');
    }
    const known = rows.filter((row) => row.labelKnown);
    return {
      chosen: known.filter((row) => row.draw !== Draw.RANDOM),
      random: known.filter((row) => row.draw === Draw.RANDOM),
      disputed: rows.filter((row) => row.disputed).length,
      unknownLabels: rows.length - known.length,
      sample: told?.sample ?? { drawn: 0, resolved: 0, labelled: 0 },
      servedBundleDigest: told?.servedBundleDigest ?? '',
    };
  });

/** For the person at the terminal: counts, no words. */
export function toldOf({ chosen, random, disputed, unknownLabels, sample }: Labelled): string {
  const missing = sample.drawn - sample.labelled;
  return [
    `${chosen.length} rows to train on, ${random.length} of a fair sample to calibrate with.`,
    ...(disputed > 0
      ? [`People said different things of ${disputed} messages: the newest label stands, and that of a random review against all others.`]
      : []),
    ...(unknownLabels > 0 ? [`${unknownLabels} rows are left out, because the space does not have their label.`] : []),
    ...(missing > 0
      ? [`${missing} of the ${sample.drawn} messages that chance drew have no label: resolve them all, else the sample is not fair.`]
      : []),
  ]
    .map((line) => `${line}\n`)
    .join('');
}
