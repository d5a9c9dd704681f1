import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Figures, figuresOf } from '../cli/evaluate.js';
import { startInference } from '../cli/inferenceProcess.js';
import { CALL_MS, type InferenceClient, predictAll } from '../cli/predictAll.js';
import { type Row, readRows } from '../cli/rows.js';
import type { PredictResponse } from '../gen/replymesh/inference/v1/inference_service.js';
import { InferenceServiceDefinition } from '../gen/replymesh/inference/v1/inference_service.js';
import type { BundleManifest } from '../gen/replymesh/type/v1/bundle.js';
import { background } from '../lib/call.js';
import { connect } from '../lib/client.js';
import { type Environment, parseConfig } from '../lib/config.js';
import { InferenceConfig } from '../services/inference/config.js';
import { fewShotFigures } from './fewShot.js';
import { atLeast, atMost, between, type Figure, seen, table } from './figure.js';
import { personalDataFigures } from './personalData.js';
import { parityFigures } from './pythonParity.js';
import { measureStages, type Stages } from './stageTimes.js';

/** Label spaces by the folder of their test rows. */
const SETS = { support: 'bitext-support', banking: 'banking77', assistant: 'clinc150', sentiment: 'uci-sentiment' } as const;
type Judged = Record<keyof typeof SETS, { rows: Row[]; answers: PredictResponse[]; figures: Figures }>;

export interface QualityOptions {
  /** Folder of the public sets. */
  readonly data: string;
  /** Whether to compare with what Python answers. */
  readonly python?: boolean;
  /** Whether to train own spaces of few examples, and how often. */
  readonly fewShot?: boolean;
  readonly seeds: number;
  readonly json?: boolean;
}

/** Measures the served bundle on the test rows of the public sets, and prints each figure beside what was asked of it. */
export async function quality(options: QualityOptions, env: Environment, signal: AbortSignal): Promise<void> {
  const { data, json } = options;
  if (!existsSync(data))
    throw new Error(
      `${data} is not there: --data names the folder of bitext-support, banking77, clinc150, uci-sentiment and pii-synthetic.`,
    );
  const { bundleDir } = parseConfig(InferenceConfig, env);
  const figures = [
    ...(await servedFigures(options, bundleDir, env, signal)),
    ...(await fewShotFigures(
      options.fewShot ? { data: join(data, SETS.banking), bundleDir, seeds: options.seeds } : undefined,
      env,
      signal,
    )),
  ];
  process.stdout.write(json ? `${JSON.stringify(figures)}\n` : table(figures, 'on the test rows, as served'));
}

async function servedFigures({ data, python }: QualityOptions, bundleDir: string, env: Environment, signal: AbortSignal) {
  const server = await startInference(env, signal);
  const { client, close } = connect(InferenceServiceDefinition, { callee: 'inference', target: server.target, timeoutMs: CALL_MS });
  try {
    const { manifest } = await client.describeBundle({}, { within: background({ tenant: 'bench', timeoutMs: CALL_MS }) });
    const judged = await judge(client, data, signal);
    const sets = Object.values(judged).map(({ rows }) => rows);
    const parity = await parityFigures(python ? { client, bundleDir, sets } : undefined, env, signal);
    const texts = judged.banking.rows.map(({ text }) => text).slice(0, 256);
    const spaces = Object.entries(judged).filter(([space]) => space !== 'sentiment');
    const masked = await personalDataFigures(
      client,
      data,
      spaces.map(([space, { rows, figures }]) => ({ space, rows, accuracy: figures.accuracy! })),
      signal,
    );
    return [...answerFigures(judged, manifest!), ...masked, ...parity, ...stageFigures(await measureStages(env, 'banking', texts))];
  } finally {
    await close();
    await server.stop();
  }
}

async function judge(client: InferenceClient, data: string, signal: AbortSignal): Promise<Judged> {
  const one = async (space: keyof typeof SETS) => {
    const rows = await readRows(join(data, SETS[space], 'test.csv'));
    const { answers, seconds } = await predictAll(client, space, rows, signal);
    return { rows, answers, figures: figuresOf(rows, answers, seconds) };
  };
  return {
    support: await one('support'),
    banking: await one('banking'),
    assistant: await one('assistant'),
    sentiment: await one('sentiment'),
  };
}

function answerFigures({ support, banking, assistant, sentiment }: Judged, { spaces }: BundleManifest): Figure[] {
  const { metrics } = spaces.find(({ name }) => name === 'banking')!;
  const covered = coverage(banking);
  const best = Object.entries(metrics).flatMap(([name, value]) =>
    name.startsWith('test.') && name.endsWith('.auroc_misclassification_of_the_ensemble') ? [value] : [],
  );
  const lost = spaces.map((space) => -(space.metrics['int8.accuracy_difference'] ?? 0));
  return [
    atLeast('Banking77 accuracy', 0.948, banking.figures.accuracy!),
    seen('  with near copies of training rows (manifest)', metrics['test.accuracy']),
    seen('  without near copies of training rows (manifest)', metrics['test.accuracy_without_near_copies']),
    atLeast('CLINC150 in-scope accuracy', 0.972, assistant.figures.accuracy!),
    atLeast('CLINC150 out-of-scope AUROC', 0.987, assistant.figures.auroc_out_of_scope!),
    atMost('CLINC150 in-scope ECE', 0.009, assistant.figures.ece!),
    atMost('Banking77 ECE', 0.012, banking.figures.ece!),
    atLeast('bitext-support accuracy', 0.993, support.figures.accuracy!),
    atLeast('UCI sentiment accuracy', 0.94, sentiment.figures.accuracy!),
    atLeast('Banking77 AUROC for mistakes', 0.935, banking.figures.auroc_misclassification!),
    atLeast('  against the best member (manifest)', Math.max(...best), banking.figures.auroc_misclassification!),
    between('Banking77 coverage of 95 % sets', 0.94, 0.97, covered.share),
    atMost('  their mean size', 1.1, covered.size),
    atMost('most accuracy lost by int8 (manifest)', 0.002, Math.max(...lost)),
  ];
}

function stageFigures({ times, servedMembers, offMembers, peakShare }: Stages): Figure[] {
  const againstEncoder = (heads: number): number => heads / times.encoder;
  return [
    atLeast('throughput, T = 30 against no dropout at all', 0.93, times.withoutSamples / times.withSamples),
    atMost(`${servedMembers.join(', ')} against encoder, served`, 0.2, againstEncoder(times.servedHeads)),
    ...(offMembers.length === 0
      ? []
      : [atMost(`  with ${offMembers.join(', ')}, off in the pool`, 0.2, againstEncoder(times.servedHeads + times.offHeads))]),
    atLeast('Predict queries a core-second, models alone', 250, 1000 / times.withSamples),
    seen('  with names looked for', 1000 / times.withNames),
    seen("  share of this core's int8 peak", peakShare, 'about 0.29'),
  ];
}

/** Share of true labels inside their prediction set, and the mean size of the sets. */
function coverage({ rows, answers }: Judged['banking']): { share: number; size: number } {
  const sets = answers.map((a) => a.predictionSet?.labels ?? []);
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  return { share: mean(sets.map((set, i) => (set.includes(rows[i]!.label) ? 1 : 0))), size: mean(sets.map((set) => set.length)) };
}
