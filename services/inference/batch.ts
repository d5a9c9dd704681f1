import { TEXT_FEATURES } from '../../lib/textFeatures.js';
import type { TextInputs } from './inputs.js';

/** One text to run. */
export interface Task {
  /** Label space to judge it in; absent when only its embedding is asked for. */
  readonly space: string | undefined;
  readonly inputs: TextInputs;
  /** Four words that start the dropout generator. */
  readonly seed: readonly [number, number, number, number];
  /** Whether every member votes, or only those that count. */
  readonly votes: boolean;
  /** What the tagger of names reads beside its tokens; absent when no names are asked for. */
  readonly shapes?: Int32Array;
  /** Whether nobody waits for it, as for one of many passages: it gives way to the others. */
  readonly background: boolean;
}

/** What fills up the shorter rows of a batch. */
export interface Padding {
  readonly padTokenId: number;
  readonly bytePadTokenId: number;
}

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
  /** What a space's stages read of the texts beside that; absent when only embeddings are asked for. */
  readonly texts: BatchTexts | undefined;
  /** What the tagger of names reads beside the tokens, rows × width, padded; absent when no row asks for names. */
  readonly shapes: Int32Array | undefined;
  /** Whether every member votes, or only those that count. */
  readonly votes: boolean;
}

/** Byte-level tokens and features of a batch's texts; each part is rows × its width, filled up. Widths are 0 where the bundle reads none. */
export interface BatchTexts {
  readonly byteWidth: number;
  readonly byteIds: Int32Array;
  readonly byteLengths: Int32Array;
  readonly ngramWidth: number;
  readonly ngrams: Int32Array;
  readonly ngramCounts: Float32Array;
  readonly features: Float32Array;
}

/** Byte-level rows and n-grams are filled up to a multiple of these: few shapes, little waste. */
const BYTE_STEP = 4;
const NGRAM_STEP = 64;

/** The batch of some tasks of one kind. @param width tokens a row, at least those of the longest */
export function batchOf(tasks: readonly Task[], width: number, { padTokenId, bytePadTokenId }: Padding): Batch {
  const { space, votes } = tasks[0]!;
  const inputs = tasks.map((task) => task.inputs);
  return {
    space,
    votes,
    width,
    ...filledUp(
      inputs.map((i) => i.ids),
      width,
      padTokenId,
    ),
    shapes: shapesOf(tasks, width),
    seeds: Uint32Array.from(tasks.flatMap((task) => task.seed)),
    texts: space === undefined ? undefined : textsOf(inputs, bytePadTokenId),
  };
}

const shapesOf = (tasks: readonly Task[], width: number): Int32Array | undefined =>
  tasks.some(({ shapes }) => shapes)
    ? filledUp(
        tasks.map(({ shapes }) => shapes ?? new Int32Array()),
        width,
        0,
      ).ids
    : undefined;

function textsOf(inputs: readonly TextInputs[], bytePadTokenId: number): BatchTexts {
  const byteRows = inputs.map((i) => i.byteIds);
  const byteWidth = upTo(BYTE_STEP, byteRows);
  const bytes = filledUp(byteRows, byteWidth, bytePadTokenId);
  const features = inputs.flatMap((i) => i.features ?? []);
  const ngramWidth = features.length === 0 ? 0 : Math.max(NGRAM_STEP, upTo(NGRAM_STEP, features.map((f) => f.ngrams))); // biome-ignore format: one thought
  const ngrams = new Int32Array(features.length * ngramWidth);
  const ngramCounts = new Float32Array(features.length * ngramWidth);
  const values = new Float32Array(features.length * TEXT_FEATURES.length);
  features.forEach((own, row) => {
    ngrams.set(own.ngrams, row * ngramWidth);
    ngramCounts.set(own.ngramCounts, row * ngramWidth);
    values.set(own.values, row * TEXT_FEATURES.length);
  });
  return { byteWidth, byteIds: bytes.ids, byteLengths: bytes.lengths, ngramWidth, ngrams, ngramCounts, features: values };
}

const upTo = (step: number, rows: readonly { readonly length: number }[]): number =>
  Math.ceil(Math.max(...rows.map((row) => row.length)) / step) * step;

function filledUp(rows: readonly Int32Array[], width: number, padTokenId: number): { ids: Int32Array; lengths: Int32Array } {
  const ids = new Int32Array(rows.length * width).fill(padTokenId);
  rows.forEach((row, place) => {
    ids.set(row, place * width);
  });
  return { ids, lengths: Int32Array.from(rows, (row) => row.length) };
}

/** The memory of a batch, to hand over to another thread. */
export const buffersOf = ({ ids, lengths, seeds, shapes, texts }: Batch): ArrayBuffer[] =>
  [
    ids,
    lengths,
    seeds,
    ...(shapes ? [shapes] : []),
    ...(texts ? [texts.byteIds, texts.byteLengths, texts.ngrams, texts.ngramCounts, texts.features] : []),
  ].map((array) => array.buffer as ArrayBuffer);

/** The rows of a batch, as often as asked for. */
export function repeated(batch: Batch, times: number): Batch {
  const { ids, lengths, seeds, shapes, texts } = batch;
  const again = <A extends Int32Array | Uint32Array | Float32Array>(array: A): A => {
    const all = new (array.constructor as new (length: number) => A)(array.length * times);
    for (let turn = 0; turn < times; turn++) all.set(array, turn * array.length);
    return all;
  };
  return {
    ...batch,
    ids: again(ids),
    lengths: again(lengths),
    seeds: again(seeds),
    shapes: shapes && again(shapes),
    texts: texts && {
      ...texts,
      byteIds: again(texts.byteIds),
      byteLengths: again(texts.byteLengths),
      ngrams: again(texts.ngrams),
      ngramCounts: again(texts.ngramCounts),
      features: again(texts.features),
    },
  };
}
