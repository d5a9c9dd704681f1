import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type InferenceClient, predictAll } from '../cli/predictAll.js';
import type { Row } from '../cli/rows.js';
import { root } from '../cli/settings.js';
import type { PredictResponse } from '../gen/replymesh/inference/v1/inference_service.js';
import type { Environment } from '../lib/config.js';
import { atLeast, atMost, behind, type Figure } from './figure.js';
import { pythonJson } from './python.js';

/** Texts that both answer. */
const TEXTS = 1000;

/** Probabilities of a label space: a row for each text, a column for each label. */
interface Pooled {
  readonly labels: readonly string[];
  readonly rows: readonly (readonly number[])[];
}
export interface Difference {
  readonly largest: number;
  /** Share of texts that get the same first label. */
  readonly sameLabels: number;
}
export interface ParityOptions {
  readonly client: InferenceClient;
  readonly bundleDir: string;
  /** Test rows of each set. */
  readonly sets: readonly (readonly Row[])[];
}

/** Python against TypeScript: pooled probabilities of the same texts in every space. Without options nothing is run. */
export async function parityFigures(options: ParityOptions | undefined, env: Environment, signal: AbortSignal): Promise<Figure[]> {
  const found = options && (await compare(options, env, signal));
  return behind('--python', [
    atMost(`Python against TypeScript, ${TEXTS} texts: difference`, 1e-5, found?.largest),
    atLeast('  same labels', 0.999, found?.sameLabels),
  ]);
}

async function compare({ client, bundleDir, sets }: ParityOptions, env: Environment, signal: AbortSignal): Promise<Difference> {
  const rows = sets.flatMap((set) => spread(set, TEXTS / sets.length));
  const python = await pythonAnswers(bundleDir, rows, env, signal);
  const differences: Difference[] = [];
  for (const [space, pooled] of Object.entries(python)) {
    differences.push(differenceOf(pooled, (await predictAll(client, space, rows, signal)).answers));
  }
  return {
    largest: Math.max(...differences.map(({ largest }) => largest)),
    sameLabels: differences.reduce((sum, { sameLabels }) => sum + sameLabels, 0) / differences.length,
  };
}

/** So many rows, evenly from the whole set. */
const spread = (rows: readonly Row[], count: number): Row[] =>
  Array.from({ length: count }, (_, i) => rows[Math.floor((i * rows.length) / count)]!);

async function pythonAnswers(
  bundleDir: string,
  rows: readonly Row[],
  env: Environment,
  signal: AbortSignal,
): Promise<Record<string, Pooled>> {
  const dir = await mkdtemp(join(tmpdir(), 'replymesh-bench-'));
  try {
    const texts = join(dir, 'texts.json');
    await writeFile(texts, JSON.stringify(rows.map(({ text }) => text)));
    return await pythonJson(['-u', join(root, 'bench', 'pooled_probabilities.py'), bundleDir, texts], env, signal);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

export function differenceOf({ labels, rows }: Pooled, answers: readonly PredictResponse[]): Difference {
  let largest = 0;
  let same = 0;
  for (const [i, { intents }] of answers.entries()) {
    const ours = new Map(intents.map(({ label, score }) => [label, score]));
    const theirs = rows[i]!;
    for (const [place, label] of labels.entries()) largest = Math.max(largest, Math.abs(theirs[place]! - (ours.get(label) ?? 0)));
    if (intents[0]?.label === labels[theirs.indexOf(Math.max(...theirs))]) same++;
  }
  return { largest, sameLabels: same / answers.length };
}
