import { isDeepStrictEqual } from 'node:util';
import { StartError } from '../../lib/errors.js';
import type { Bundle } from './bundle.js';
import type { Batch, Models } from './models.js';

/** How the texts of a bundle may share a batch so that an answer never depends, to the bit, on the company that its text had. */
export interface Company {
  /** Least rows that a batch is to have. Some of onnxruntime's kernels (ReduceSum, ReduceMean) add in another order for a lone row: it runs twice then. */
  readonly leastRows: 1 | 2;
  /** False when neighbours or padding change an answer, as they do where activations are quantised for the whole batch: each text runs alone then. */
  readonly bearsCompany: boolean;
}

const WIDTH = 16;

/**
 * Runs some rows in every space and one of full length: the shapes that the manifest promises, before any customer asks.
 * @throws StartError when a run fails or a tensor has another shape
 */
export async function probe({ dir, manifest }: Pick<Bundle, 'dir' | 'manifest'>, run: Models['run']): Promise<Company> {
  const spaces = manifest.spaces.map((s) => s.name);
  /** Whether the first row of each batch comes out the same in every space. */
  const agree = async (one: Batch, other: Batch): Promise<boolean> => {
    for (const space of spaces) {
      if (!isDeepStrictEqual((await run({ ...one, space }))[0], (await run({ ...other, space }))[0])) return false;
    }
    return true;
  };
  try {
    await run(probeBatch(1, manifest.tokenizer.maxTokens));
    const several = probeBatch(4, WIDTH);
    const lone = probeBatch(1, WIDTH);
    const bearsCompany = (await agree(several, repeated(lone, 2))) && (await agree(several, padded(repeated(lone, 3), 2 * WIDTH)));
    return { bearsCompany, leastRows: !bearsCompany || (await agree(several, lone)) ? 1 : 2 };
  } catch (error) {
    throw new StartError(`Bundle ${dir}: a first run failed: ${(error as Error).message} Export the bundle again.`);
  }
}

/** Rows of small ids, which every vocabulary has. Each row is different; the first is the same for any number of rows. */
const probeBatch = (rows: number, width: number): Batch => ({
  space: undefined,
  width,
  ids: Int32Array.from({ length: rows * width }, (_, i) => (i * 7) % 97),
  lengths: new Int32Array(rows).fill(width),
  seeds: Uint32Array.from({ length: rows * 4 }, (_, i) => i + 1),
});

/** The rows of a batch, as often as asked for. */
export const repeated = ({ space, width, ids, lengths, seeds }: Batch, times: number): Batch => ({
  space,
  width,
  ids: Int32Array.from({ length: ids.length * times }, (_, i) => ids[i % ids.length]!),
  lengths: Int32Array.from({ length: lengths.length * times }, (_, i) => lengths[i % lengths.length]!),
  seeds: Uint32Array.from({ length: seeds.length * times }, (_, i) => seeds[i % seeds.length]!),
});

/** The same rows with more padding. */
function padded(batch: Batch, width: number): Batch {
  const ids = new Int32Array(batch.lengths.length * width);
  for (let row = 0; row < batch.lengths.length; row++) ids.set(batch.ids.subarray(row * batch.width, (row + 1) * batch.width), row * width);
  return { ...batch, width, ids };
}
