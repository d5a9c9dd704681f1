import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { LabelSpace, NameTagger, Stage } from '../../gen/replymesh/type/v1/bundle.js';
import { StartError } from '../../lib/errors.js';
import { TEXT_FEATURES } from '../../lib/textFeatures.js';
import { type Batch, type BatchTexts, repeated } from './batch.js';
import type { Bundle } from './bundle.js';
import { declaredFile, readBundleFile } from './bundleFile.js';
import { drawMask } from './dropout.js';
import { evidenceOf, type SpaceEvidence } from './evidence.js';
<<<<<<< HEAD
=======
import { TEXT_FEATURES } from './features.js';
import { NAMES_INPUT } from './manifest.js';
>>>>>>> ef71719 (Find names in the pass that reads a message, and mask more kinds of numbers by their form)
import { type Company, probe } from './probe.js';

/** What comes of one row. */
export interface RowResult {
  /** Unit length. */
  readonly embedding: Float32Array;
  readonly evidence: SpaceEvidence | undefined;
  /** Pooled probabilities of the `sentiment` space; absent when the bundle has none or only embeddings were asked for. */
  readonly sentiment: Float64Array | undefined;
  /** Class of each token of the batch's width for the tagger of names, 0 for none; absent when no row asked for names. */
  readonly nameClasses: Uint8Array | undefined;
}

/** The sessions of one bundle, for one thread: `run` blocks it. */
export interface Models {
  readonly company: Company;
  run(batch: Batch): Promise<RowResult[]>;
  /** Gives the memory of the sessions back at once: left to the end of the thread it would pile up with every change of bundles. */
  close(): Promise<void>;
}

/** Name of the label space that gives every message its tone. */
export const SENTIMENT_SPACE = 'sentiment';

const SESSION_OPTIONS: InferenceSession.SessionOptions = {
  executionProviders: ['cpu'],
  // One core for each worker: more threads would only get into each other's way.
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  // What goes wrong is thrown; the library need not print it as well.
  logSeverityLevel: 4,
};

interface OpenStage {
  readonly stage: Stage;
  readonly session: InferenceSession;
}
interface OpenSpace {
  readonly space: LabelSpace;
  readonly all: readonly OpenStage[];
  /** Those that an answer without every vote turns on. */
  readonly needed: readonly OpenStage[];
}
type Tensors = Map<string, Tensor>;
type BundleFiles = Pick<Bundle, 'dir' | 'manifest'>;

/**
 * Opens every stage and runs a probe through all of them, unless what that would find is known.
 * @throws StartError that names the stage or tensor that is not as the manifest says
 */
export async function openModels(bundle: BundleFiles, known?: Company): Promise<Models> {
  const { manifest } = bundle;
  const trunk = await openStages(bundle, manifest.trunk);
  const [tagger] = manifest.names ? await openStages(bundle, [manifest.names.stage!]) : [];
  const spaces = new Map<string, OpenSpace>();
  for (const space of manifest.spaces) {
    const stages = await openStages(bundle, space.stages);
    const needed = stagesNeeded(space);
    spaces.set(space.name, { space, all: stages, needed: stages.filter(({ stage }) => needed.has(stage.name)) });
  }

  const runBatch = async (batch: Batch): Promise<RowResult[]> => {
    const rows = batch.lengths.length;
    const tensors = await runStages(trunk, tokenTensors('input_ids', 'attention_mask', batch.ids, batch.width, batch.lengths));
    const embeddings = floats(tensors, manifest.embeddingTensor, [rows, manifest.embeddingWidth]);
    const nameClasses = tagger && batch.shapes ? await tag(tagger, manifest.names!, batch.shapes, tensors, [rows, batch.width]) : undefined;
    if (batch.texts) for (const [name, tensor] of textTensors(batch.texts, rows)) tensors.set(name, tensor);
    const judge = async (name: string, votes: boolean, seeds: Uint32Array | undefined): Promise<SpaceEvidence[] | undefined> => {
      const opened = spaces.get(name);
      return opened && judgeRows(opened.space, votes ? opened.all : opened.needed, tensors, rows, seeds);
    };
    const evidence = batch.space === undefined ? undefined : await judge(batch.space, batch.votes, batch.seeds);
    const sentiment =
      batch.space === undefined || batch.space === SENTIMENT_SPACE ? evidence : await judge(SENTIMENT_SPACE, false, undefined);
    return Array.from({ length: rows }, (_, row) => ({
      embedding: embeddings.slice(row * manifest.embeddingWidth, (row + 1) * manifest.embeddingWidth),
      evidence: evidence?.[row],
      sentiment: sentiment?.[row]?.probabilities,
      nameClasses: nameClasses?.slice(row * batch.width, (row + 1) * batch.width),
    }));
  };
  const company = known ?? (await probe(bundle, runBatch));
  const run = async (batch: Batch): Promise<RowResult[]> => {
    const rows = batch.lengths.length;
    return rows < company.leastRows ? (await runBatch(repeated(batch, company.leastRows))).slice(0, rows) : runBatch(batch);
  };
  const close = async (): Promise<void> => {
    const opened = [...trunk, ...(tagger ? [tagger] : []), ...[...spaces.values()].flatMap((space) => space.all)];
    for (const { session } of opened) await session.release();
  };
  return { company, run, close };
}

async function openStages(bundle: BundleFiles, stages: readonly Stage[]): Promise<OpenStage[]> {
  const open: OpenStage[] = [];
  for (const stage of stages) {
    const bytes = await readBundleFile(bundle.dir, declaredFile(bundle, stage.file));
    const session = await InferenceSession.create(bytes, SESSION_OPTIONS).catch((error: Error) => {
      throw new StartError(`Bundle ${bundle.dir}: ${stage.file} cannot be opened by onnxruntime: ${error.message}. Export it again.`);
    });
    for (const [kind, declared, real] of [
      ['inputs', stage.inputs, session.inputNames],
      ['outputs', stage.outputs, session.outputNames],
    ] as const) {
      if ([...declared].sort().join() === [...real].sort().join()) continue;
      throw new StartError(
        `Bundle ${bundle.dir}: ${stage.file}: its ${kind} are ${real.join(', ')}, the manifest says ${declared.join(', ')}. Export the bundle again.`,
      );
    }
    open.push({ stage, session });
  }
  return open;
}

/** Adds the stages' outputs to a copy of `given`. */
async function runStages(stages: readonly OpenStage[], given: ReadonlyMap<string, Tensor>): Promise<Tensors> {
  const tensors: Tensors = new Map(given);
  for (const { stage, session } of stages) {
    const outputs = await session.run(Object.fromEntries(stage.inputs.map((name) => [name, tensors.get(name)!])));
    for (const name of stage.outputs) tensors.set(name, outputs[name]!);
  }
  return tensors;
}

/** The likeliest class of each token. */
async function tag(
  tagger: OpenStage,
  { logitsTensor, kinds, noneBias }: NameTagger,
  shapes: Int32Array,
  trunk: Tensors,
  [rows, width]: readonly [number, number],
): Promise<Uint8Array> {
  const given = new Map(trunk).set(NAMES_INPUT, new Tensor('int64', BigInt64Array.from(shapes, BigInt), [rows, width]));
  const classes = 1 + kinds.length;
  const logits = floats(await runStages([tagger], given), logitsTensor, [rows, width, classes]);
  const chosen = new Uint8Array(rows * width);
  for (let token = 0; token < chosen.length; token += 1) {
    let best = 0;
    let most = logits[token * classes]! + noneBias;
    for (let c = 1; c < classes; c += 1) {
      const logit = logits[token * classes + c]!;
      if (logit > most) [best, most] = [c, logit];
    }
    chosen[token] = best;
  }
  return chosen;
}

/** Runs a space's own stages after the trunk. Without seeds nothing is sampled: the head gets one mask that keeps everything. */
async function judgeRows(
  space: LabelSpace,
  stages: readonly OpenStage[],
  trunk: Tensors,
  rows: number,
  seeds: Uint32Array | undefined,
): Promise<SpaceEvidence[]> {
  const { monteCarlo } = space;
  const given: Tensors = new Map(trunk);
  const samples = monteCarlo && seeds ? monteCarlo.samples : 0;
  if (monteCarlo) {
    const shape = [rows, Math.max(1, samples), monteCarlo.width];
    given.set(
      monteCarlo.maskTensor,
      new Tensor('uint8', seeds ? masks(seeds, samples * monteCarlo.width, monteCarlo.dropBelow) : keepAll(shape), shape),
    );
  }
  const tensors = await runStages(stages, given);
  const classes = space.labels.length;
  const perSample = monteCarlo && samples > 0 ? floats(tensors, monteCarlo.logitsTensor, [rows, samples, classes]) : undefined;
  const { outOfScope } = space;
  const shapes = new Map<string, readonly number[]>([
    ...space.members.map((m): [string, number[]] => [m.logitsTensor, [rows, classes]]),
    ...(outOfScope ? ([[outOfScope.logitsTensor, [rows, classes]]] satisfies [string, number[]][]) : []),
    ...(outOfScope?.distanceTensor ? ([[outOfScope.distanceTensor, [rows, 1]]] satisfies [string, number[]][]) : []),
  ]);
  const perRow = new Map([...shapes].filter(([name]) => tensors.has(name)).map(([name, shape]) => [name, floats(tensors, name, shape)]));
  const outputs = (name: string): Float32Array | undefined => (name === monteCarlo?.logitsTensor ? perSample : perRow.get(name));
  return Array.from({ length: rows }, (_, row) => evidenceOf(space, outputs, samples, row));
}

/** Names of the stages that an answer turns on: those that make what is pooled, sampled or scored, and what these read. */
function stagesNeeded({ stages, members, monteCarlo, outOfScope }: LabelSpace): Set<string> {
  const wanted = new Set(members.filter((m) => m.weight > 0).map((m) => m.logitsTensor));
  if (monteCarlo) wanted.add(monteCarlo.logitsTensor);
  if (outOfScope) wanted.add(outOfScope.logitsTensor).add(outOfScope.distanceTensor);
  const needed = new Set<string>();
  for (const stage of stages.toReversed()) {
    if (!stage.outputs.some((name) => wanted.has(name))) continue;
    needed.add(stage.name);
    for (const name of stage.inputs) wanted.add(name);
  }
  return needed;
}

const keepAll = (shape: readonly number[]): Uint8Array => new Uint8Array(shape.reduce((a, b) => a * b)).fill(1);

/** One mask for each row, from that row's four words alone, so that its neighbours do not matter. */
function masks(seeds: Uint32Array, unitsPerRow: number, dropBelow: number): Uint8Array {
  const rows = seeds.length / 4;
  const all = new Uint8Array(rows * unitsPerRow);
  for (let row = 0; row < rows; row++) {
    const [s0, s1, s2, s3] = seeds.subarray(row * 4, row * 4 + 4) as unknown as [number, number, number, number];
    drawMask([s0, s1, s2, s3], all.subarray(row * unitsPerRow, (row + 1) * unitsPerRow), dropBelow);
  }
  return all;
}

function tokenTensors(idsName: string, maskName: string, ids: Int32Array, width: number, lengths: Int32Array): Tensors {
  const shape = [lengths.length, width];
  const attention = new BigInt64Array(ids.length);
  for (const [row, length] of lengths.entries()) attention.fill(1n, row * width, row * width + length);
  return new Map([
    [idsName, new Tensor('int64', BigInt64Array.from(ids, BigInt), shape)],
    [maskName, new Tensor('int64', attention, shape)],
  ]);
}

function textTensors(texts: BatchTexts, rows: number): Tensors {
  const tensors: Tensors = new Map();
  if (texts.byteWidth > 0)
    for (const entry of tokenTensors('byte_ids', 'byte_mask', texts.byteIds, texts.byteWidth, texts.byteLengths)) tensors.set(...entry);
  if (texts.ngramWidth > 0) {
    const shape = [rows, texts.ngramWidth];
    tensors.set('ngrams', new Tensor('int64', BigInt64Array.from(texts.ngrams, BigInt), shape));
    tensors.set('ngram_counts', new Tensor('float32', texts.ngramCounts, shape));
    tensors.set('text_features', new Tensor('float32', texts.features, [rows, TEXT_FEATURES.length]));
  }
  return tensors;
}

/** The data of a float32 tensor of that shape, all finite. @throws Error that names it when it is not so */
function floats(tensors: Tensors, name: string, shape: readonly number[]): Float32Array {
  const tensor = tensors.get(name)!;
  if (tensor.type !== 'float32' || tensor.dims.join() !== shape.join()) {
    throw new Error(`tensor "${name}" is ${tensor.type} (${tensor.dims.join(', ')}), the manifest promises float32 (${shape.join(', ')}).`);
  }
  const data = tensor.data as Float32Array;
  if (!data.every(Number.isFinite)) throw new Error(`tensor "${name}" holds numbers that are not finite.`);
  return data;
}
