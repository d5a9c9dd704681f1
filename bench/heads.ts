import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { LabelSpace, Stage } from '../gen/replymesh/type/v1/bundle.js';
import type { Batch } from '../services/inference/batch.js';
import type { Bundle } from '../services/inference/bundle.js';
import { declaredFile, readBundleFile } from '../services/inference/bundleFile.js';
import { isServed } from './served.js';

/** Stages that are no transformer, and the members that vote there. */
export interface Heads {
  readonly members: readonly string[];
  run(batch: Batch): Promise<void>;
}

/** Names of the stages that are no transformer. */
const HEADS: ReadonlySet<string> = new Set(['heads', 'trees']);
type Feeds = Record<string, Tensor>;

/** A space's heads: those that run for every query, and those that run only when a caller asks for every vote. */
export async function openHeads(bundle: Bundle, space: LabelSpace, batches: readonly Batch[]): Promise<{ served: Heads; off: Heads }> {
  const heads = space.stages.filter((stage) => HEADS.has(stage.name));
  const [served, off] = [heads.filter((stage) => isServed(space, stage)), heads.filter((stage) => !isServed(space, stage))];
  return { served: await open(bundle, space, batches, served), off: await open(bundle, space, batches, off) };
}

/** Runs them on a batch's own features, and on made-up embeddings and logits: their time does not turn on the values. */
async function open(bundle: Bundle, space: LabelSpace, batches: readonly Batch[], stages: readonly Stage[]): Promise<Heads> {
  const options = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 } as const;
  const sessions = await Promise.all(
    stages.map(async ({ file }) => InferenceSession.create(await readBundleFile(bundle.dir, declaredFile(bundle, file)), options)),
  );
  // Made before the clock runs.
  const feeds = new Map(batches.map((batch) => [batch, sessions.map(({ inputNames }) => inputsOf(bundle, space, batch, inputNames))]));
  return {
    members: space.members.flatMap((m) => (stages.some((stage) => stage.outputs.includes(m.logitsTensor)) ? [m.name] : [])),
    run: async (batch) => {
      for (const [i, own] of feeds.get(batch)!.entries()) await sessions[i]!.run(own);
    },
  };
}

function inputsOf({ manifest }: Bundle, space: LabelSpace, { lengths, texts }: Batch, names: readonly string[]): Feeds {
  const rows = lengths.length;
  const { ngramWidth, ngrams, ngramCounts, features } = texts!;
  const noise = (width: number): Tensor => {
    const values = Float32Array.from({ length: rows * width }, (_, i) => Math.sin(i));
    return new Tensor('float32', values, [rows, width]);
  };
  const known: Feeds = {
    ngrams: new Tensor('int64', BigInt64Array.from(ngrams, BigInt), [rows, ngramWidth]),
    ngram_counts: new Tensor('float32', ngramCounts, [rows, ngramWidth]),
    text_features: new Tensor('float32', features, [rows, features.length / rows]),
    [manifest.embeddingTensor]: noise(manifest.embeddingWidth),
  };
  return Object.fromEntries(names.map((name) => [name, known[name] ?? noise(space.labels.length)]));
}
