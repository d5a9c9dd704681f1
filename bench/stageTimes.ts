import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { LabelSpace } from '../gen/replymesh/type/v1/bundle.js';
import { type Environment, parseConfig } from '../lib/config.js';
import { type Batch, batchOf, type Task } from '../services/inference/batch.js';
import { type Bundle, declaredFile, openBundle, readBundleFile } from '../services/inference/bundle.js';
import { InferenceConfig } from '../services/inference/config.js';
import { openInputs } from '../services/inference/inputs.js';
import { openModels } from '../services/inference/models.js';
import { openTokenizer } from '../services/inference/tokenizer.js';

/** Time of one text on one core, milliseconds, in batches of 16 texts of about one length. */
export interface StageTimes {
  /** The whole of a space with all its dropout samples, and with a single one. */
  readonly withSamples: number;
  readonly withOne: number;
  /** The shared encoder. */
  readonly encoder: number;
  /** Regression, forests, meta-learner and neighbours. */
  readonly heads: number;
}

const BATCH = 16;
/** Stages that are no transformer. */
const HEADS: ReadonlySet<string> = new Set(['heads', 'trees']);
const ROUNDS = 5;

/** Measures in this thread, with the bundle that the environment names. */
export async function stageTimes(env: Environment, spaceName: string, texts: readonly string[]): Promise<StageTimes> {
  const { bundleDir, defaultLabelSpace } = parseConfig(InferenceConfig, env);
  const bundle = await openBundle(bundleDir, defaultLabelSpace);
  const space = bundle.spaces.get(spaceName)!;
  const batches = await batchesOf(bundle, space, texts);
  const models = await openModels(bundle);
  const sparse = await openModels({ ...bundle, manifest: { ...bundle.manifest, spaces: bundle.manifest.spaces.map(oneSample) } });
  const heads = await openHeads(bundle, space, batches);
  const rows = batches.reduce((sum, batch) => sum + batch.lengths.length, 0);
  // Turn by turn, and the best of each: what the machine does beside strikes all alike.
  const runs = {
    withSamples: (batch: Batch) => models.run(batch),
    withOne: (batch: Batch) => sparse.run(batch),
    encoder: (batch: Batch) => models.run({ ...batch, space: undefined, texts: undefined }),
    heads,
  };
  const best: Record<string, number> = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, run] of Object.entries(runs)) {
      const started = performance.now();
      for (const batch of batches) await run(batch);
      best[name] = Math.min(best[name] ?? Number.POSITIVE_INFINITY, (performance.now() - started) / rows);
    }
  }
  return best as unknown as StageTimes;
}

const oneSample = (space: LabelSpace): LabelSpace =>
  space.monteCarlo ? { ...space, monteCarlo: { ...space.monteCarlo, samples: 1 } } : space;

async function batchesOf(bundle: Bundle, space: LabelSpace, texts: readonly string[]): Promise<Batch[]> {
  const { tokenizer, byteTokenizer } = bundle.manifest;
  const read = await openInputs(bundle, await openTokenizer(bundle, tokenizer));
  const tasks = texts
    .map((text, i): Task => ({ space: space.name, inputs: read(text), seed: [i + 1, 2, 3, 4], votes: false }))
    .sort((a, b) => a.inputs.ids.length - b.inputs.ids.length);
  const pads = { padTokenId: tokenizer.padTokenId, bytePadTokenId: byteTokenizer?.padTokenId ?? 0 };
  return Array.from({ length: Math.floor(tasks.length / BATCH) }, (_, i) => {
    const own = tasks.slice(i * BATCH, (i + 1) * BATCH);
    return batchOf(own, own.at(-1)!.inputs.ids.length, pads);
  });
}

type Feeds = Record<string, Tensor>;

/** Runs the graphs that are no transformer on a batch's own features, and on made-up embeddings and logits: their time does not turn on the values. */
async function openHeads(bundle: Bundle, space: LabelSpace, batches: readonly Batch[]): Promise<(batch: Batch) => Promise<void>> {
  const options = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 } as const;
  const stages = space.stages.filter((stage) => HEADS.has(stage.name));
  const sessions = await Promise.all(
    stages.map(async ({ file }) => InferenceSession.create(await readBundleFile(bundle.dir, declaredFile(bundle, file)), options)),
  );
  // Made before the clock runs.
  const feeds = new Map(batches.map((batch) => [batch, sessions.map(({ inputNames }) => headInputs(bundle, space, batch, inputNames))]));
  return async (batch) => {
    for (const [i, own] of feeds.get(batch)!.entries()) await sessions[i]!.run(own);
  };
}

function headInputs({ manifest }: Bundle, space: LabelSpace, { lengths, texts }: Batch, names: readonly string[]): Feeds {
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
