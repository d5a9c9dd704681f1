import { isDeepStrictEqual } from 'node:util';
import { StartError } from '../../lib/errors.js';
import { type Batch, batchOf, type Padding, repeated, type Task } from './batch.js';
import type { Bundle } from './bundle.js';
import { featuresOf } from './features.js';
import type { Manifest } from './manifest.js';
import type { Models } from './models.js';
import { BEFORE, SHAPES } from './words.js';

/** How the texts of a bundle may share a batch so that an answer never depends, to the bit, on the company that its text had. */
export interface Company {
  /** Least rows that a batch is to have. Some of onnxruntime's kernels (ReduceSum, ReduceMean) add in another order for a lone row: it runs twice then. */
  readonly leastRows: 1 | 2;
  /** False when neighbours or padding change an answer, as they do where activations are quantised for the whole batch: each text runs alone then. */
  readonly bearsCompany: boolean;
}

const WIDTH = 16;
const MOST_SHAPE_ID = SHAPES.length * (BEFORE.length + 1);
/** Stands for whichever space a batch is run in. */
const PROBED = '';

/**
 * Runs some rows in every space and one of full length: the shapes that the manifest promises, before any customer asks.
 * @throws StartError when a run fails or a tensor has another shape
 */
export async function probe({ dir, manifest }: Pick<Bundle, 'dir' | 'manifest'>, run: Models['run']): Promise<Company> {
  const spaces = manifest.spaces.map((s) => s.name);
  const pads: Padding = { padTokenId: manifest.tokenizer.padTokenId, bytePadTokenId: manifest.byteTokenizer?.padTokenId ?? 0 };
  const batch = (rows: number, tokens: number, width = tokens): Batch =>
    batchOf(
      Array.from({ length: rows }, (_, row) => probeTask(manifest, row, tokens)),
      width,
      pads,
    );
  /** Whether the first row of each batch comes out the same in every space. */
  const agree = async (one: Batch, other: Batch): Promise<boolean> => {
    for (const space of spaces) {
      if (!isDeepStrictEqual((await run({ ...one, space }))[0], (await run({ ...other, space }))[0])) return false;
    }
    return true;
  };
  try {
    await run(batch(1, manifest.tokenizer.maxTokens));
    const several = batch(4, WIDTH);
    const lone = batch(1, WIDTH);
    const bearsCompany = (await agree(several, repeated(lone, 2))) && (await agree(several, repeated(batch(1, WIDTH, 2 * WIDTH), 3)));
    return { bearsCompany, leastRows: !bearsCompany || (await agree(several, lone)) ? 1 : 2 };
  } catch (error) {
    throw new StartError(`Bundle ${dir}: a first run failed: ${(error as Error).message} Export the bundle again.`);
  }
}

/** A text of small ids, which every vocabulary has; each row's is another one, longer than the one before, and always the same. */
function probeTask({ byteTokenizer, features, names }: Manifest, row: number, tokens: number): Task {
  const ids = (count: number): Int32Array => Int32Array.from({ length: count }, (_, i) => ((row * tokens + i) * 7) % 97);
  const inputs = {
    ids: ids(tokens),
    byteIds: byteTokenizer ? ids(Math.min(byteTokenizer.maxTokens, WIDTH + 3 * row)) : new Int32Array(),
    features: features && featuresOf('where is my order, and why? '.repeat(1 + 2 * row)),
    truncated: false,
  };
  const shapes = names && Int32Array.from({ length: tokens }, (_, i) => 1 + ((row + i) % MOST_SHAPE_ID));
  return { space: PROBED, inputs, shapes, seed: [4 * row + 1, 2, 3, 4], votes: true, background: false };
}
