import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { LabelSpace, Stage } from '../../gen/replymesh/type/v1/bundle.js';
import { StartError } from '../../lib/errors.js';
import { type Bundle, declaredFile, readBundleFile } from './bundle.js';
import { drawMask } from './dropout.js';
import { evidenceOf, type SpaceEvidence } from './evidence.js';
import { probe, repeated } from './probe.js';

/** Texts of about one length that run together. */
export interface Batch {
  /** Label space to judge them in; absent when only their embeddings are asked for. */
  readonly space: string | undefined;
  /** Tokens a row, padding counted in. */
  readonly width: number;
  /** Token ids, rows × width, padded. */
  readonly ids: Int32Array;
  /** Tokens of each row without padding. */
  readonly lengths: Int32Array;
  /** Four words a row that start the dropout generator; empty when only embeddings are asked for. */
  readonly seeds: Uint32Array;
}

/** What comes of one row. */
export interface RowResult {
  /** Unit length. */
  readonly embedding: Float32Array;
  readonly evidence: SpaceEvidence | undefined;
  /** Pooled probabilities of the `sentiment` space; absent when the bundle has none or only embeddings were asked for. */
  readonly sentiment: Float64Array | undefined;
}

/** The sessions of one bundle, for one thread: `run` blocks it. */
export interface Models {
  /** Whether texts may run together: whether no answer depends on the texts beside it, to the bit. */
  readonly bearsCompany: boolean;
  run(batch: Batch): Promise<RowResult[]>;
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
type Tensors = Map<string, Tensor>;
type BundleFiles = Pick<Bundle, 'dir' | 'manifest'>;

/** Opens every stage and runs a probe through all of them. @throws StartError that names the stage or tensor that is not as the manifest says */
export async function openModels(bundle: BundleFiles): Promise<Models> {
  const { manifest } = bundle;
  const trunk = await openStages(bundle, manifest.trunk);
  const spaces = new Map<string, { space: LabelSpace; stages: OpenStage[] }>();
  for (const space of manifest.spaces) spaces.set(space.name, { space, stages: await openStages(bundle, space.stages) });

  const runBatch = async (batch: Batch): Promise<RowResult[]> => {
    const rows = batch.lengths.length;
    const tensors = await runStages(trunk, textTensors(batch));
    const embeddings = floats(tensors, manifest.embeddingTensor, [rows, manifest.embeddingWidth]);
    const judge = async (name: string, withSamples: boolean): Promise<SpaceEvidence[] | undefined> => {
      const opened = spaces.get(name);
      return opened && judgeRows(opened.space, opened.stages, tensors, rows, withSamples ? batch.seeds : undefined);
    };
    const evidence = batch.space === undefined ? undefined : await judge(batch.space, true);
    const sentiment = batch.space === undefined || batch.space === SENTIMENT_SPACE ? evidence : await judge(SENTIMENT_SPACE, false);
    return Array.from({ length: rows }, (_, row) => ({
      embedding: embeddings.slice(row * manifest.embeddingWidth, (row + 1) * manifest.embeddingWidth),
      evidence: evidence?.[row],
      sentiment: sentiment?.[row]?.probabilities,
    }));
  };
  const { leastRows, bearsCompany } = await probe(bundle, runBatch);
  const run = async (batch: Batch): Promise<RowResult[]> => {
    const rows = batch.lengths.length;
    return rows < leastRows ? (await runBatch(repeated(batch, leastRows))).slice(0, rows) : runBatch(batch);
  };
  return { bearsCompany, run };
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
  const perSample = monteCarlo && samples > 0 ? floats(tensors, monteCarlo.logitsTensor, [rows, samples, space.labels.length]) : undefined;
  const perRow = new Map(logitsPerRow(space).map((name) => [name, floats(tensors, name, [rows, space.labels.length])]));
  const logits = (name: string): Float32Array => perRow.get(name) ?? perSample!;
  return Array.from({ length: rows }, (_, row) => evidenceOf(space, logits, samples, row));
}

const logitsPerRow = (space: LabelSpace): string[] => [
  ...new Set([...space.members.map((m) => m.logitsTensor), ...(space.outOfScope ? [space.outOfScope.logitsTensor] : [])]),
];

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

function textTensors({ ids, lengths, width }: Batch): Tensors {
  const shape = [lengths.length, width];
  const attention = new BigInt64Array(ids.length);
  for (const [row, length] of lengths.entries()) attention.fill(1n, row * width, row * width + length);
  return new Map([
    ['input_ids', new Tensor('int64', BigInt64Array.from(ids, BigInt), shape)],
    ['attention_mask', new Tensor('int64', attention, shape)],
  ]);
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
