import { type Batcher, limitsOf, openBatcher } from './batcher.js';
import { type Bundle, openBundle } from './bundle.js';
import { openInputs, type ReadText } from './inputs.js';
import { nameReader, type ReadNames } from './nameReader.js';
import { openTokenizer, type Tokenize } from './tokenizer.js';
import { startWorkers, type Workers } from './workers.js';

/** A bundle with its threads: it can answer. */
export interface LoadedBundle {
  readonly bundle: Bundle;
  readonly tokenize: Tokenize;
  readonly read: ReadText;
  /** Absent when the bundle cannot tell names. */
  readonly readNames: ReadNames | undefined;
  readonly workers: Workers;
  readonly batcher: Batcher;
}

export interface LoadLimits {
  readonly defaultLabelSpace: string;
  readonly workers: number;
  readonly maxQueued: number;
  readonly maxBatch: number;
}

/** Opens every file of the bundle in `dir`, starts its threads and lets each run once. @throws StartError that says what is wrong with it */
export async function loadBundle(dir: string, limits: LoadLimits): Promise<LoadedBundle> {
  const bundle = await openBundle(dir, limits.defaultLabelSpace);
  const tokenize = await openTokenizer(bundle, bundle.manifest.tokenizer);
  const read = await openInputs(bundle, tokenize);
  const workers = await startWorkers(bundle, limits.workers);
  const readNames = bundle.manifest.names && nameReader(tokenize, bundle.manifest.tokenizer.maxTokens);
  return { bundle, tokenize, read, readNames, workers, batcher: openBatcher(workers, limitsOf(bundle.manifest, limits)) };
}
