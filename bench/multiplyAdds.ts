import type { LabelSpace } from '../gen/replymesh/type/v1/bundle.js';
import type { Batch } from '../services/inference/batch.js';
import type { Bundle } from '../services/inference/bundle.js';
import { declaredFile, readBundleFile } from '../services/inference/bundleFile.js';
import { eightBitWeights } from './onnxGraph.js';
import { isServed } from './served.js';

/**
 * 8-bit multiply-adds that one text of these batches needs in the mean: each token meets each weight once.
 * Padding is not counted, nor are attention scores and heads, which are float32 and few.
 */
export async function multiplyAdds(bundle: Bundle, spaces: readonly LabelSpace[], batches: readonly Batch[]): Promise<number> {
  const stages = [...bundle.manifest.trunk, ...spaces.flatMap((space) => space.stages.filter((stage) => isServed(space, stage)))];
  const mean = (lengths: (batch: Batch) => Int32Array): number => {
    const all = batches.flatMap((batch) => [...lengths(batch)]);
    return all.reduce((a, b) => a + b, 0) / all.length;
  };
  const [words, bytes] = [mean((batch) => batch.lengths), mean((batch) => batch.texts!.byteLengths)];
  let sum = 0;
  for (const { file, inputs } of stages) {
    const weights = eightBitWeights(await readBundleFile(bundle.dir, declaredFile(bundle, file)));
    sum += weights * (inputs.includes('byte_ids') ? bytes : words);
  }
  return sum;
}
