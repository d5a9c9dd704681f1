import { existsSync } from 'node:fs';
import { figuresOf } from '../cli/evaluate.js';
import { startInference } from '../cli/inferenceProcess.js';
import { CALL_MS, type InferenceClient, predictAll } from '../cli/predictAll.js';
import { readRows } from '../cli/rows.js';
import type { PredictResponse } from '../gen/replymesh/inference/v1/inference_service.js';
import { InferenceServiceDefinition } from '../gen/replymesh/inference/v1/inference_service.js';
import type { BundleManifest, LabelSpace } from '../gen/replymesh/type/v1/bundle.js';
import { background } from '../lib/call.js';
import { connect } from '../lib/client.js';
import type { Environment } from '../lib/config.js';
import { type StageTimes, stageTimes } from './stageTimes.js';

/** One figure: what was asked of it, what it is, and whether that is enough. */
interface Line {
  readonly what: string;
  readonly asked: string;
  readonly reached: number;
  readonly enough: boolean;
}
const atLeast = (what: string, least: number, reached: number): Line => ({ what, asked: `≥ ${least}`, reached, enough: reached >= least });
const atMost = (what: string, most: number, reached: number): Line => ({ what, asked: `≤ ${most}`, reached, enough: reached <= most });
const between = (what: string, least: number, most: number, reached: number): Line => ({
  what,
  asked: `${least} – ${most}`,
  reached,
  enough: reached >= least && reached <= most,
});

/** Label spaces by the folder of their test rows. */
const SETS = { support: 'bitext-support', banking: 'banking77', assistant: 'clinc150', sentiment: 'uci-sentiment' } as const;

export interface QualityOptions {
  /** Folder of the public sets. */
  readonly data: string;
  readonly json?: boolean;
}

/** Measures the served bundle on the test rows of the public sets, and prints each figure beside what was asked of it. */
export async function quality({ data, json }: QualityOptions, env: Environment, signal: AbortSignal): Promise<void> {
  if (!existsSync(data))
    throw new Error(`${data} is not there: --data names the folder of bitext-support, banking77, clinc150 and uci-sentiment.`);
  const server = await startInference(env, signal);
  const { client, close } = connect(InferenceServiceDefinition, { callee: 'inference', target: server.target, timeoutMs: CALL_MS });
  try {
    const { manifest } = await client.describeBundle({}, { within: background({ tenant: 'bench', timeoutMs: CALL_MS }) });
    const lines = await measured(client, manifest!, data, env, signal);
    process.stdout.write(json ? `${JSON.stringify(lines)}\n` : table(lines));
  } finally {
    await close();
    await server.stop();
  }
}

async function measured(
  client: InferenceClient,
  manifest: BundleManifest,
  data: string,
  env: Environment,
  signal: AbortSignal,
): Promise<Line[]> {
  const judged = async (space: keyof typeof SETS) => {
    const rows = await readRows(`${data}/${SETS[space]}/test.csv`);
    const { answers, seconds } = await predictAll(client, space, rows, signal);
    return { rows, answers, figures: figuresOf(rows, answers, seconds) };
  };
  const [support, banking, assistant, sentiment] = [
    await judged('support'),
    await judged('banking'),
    await judged('assistant'),
    await judged('sentiment'),
  ];
  const spaceOf = (name: string): LabelSpace => manifest.spaces.find((s) => s.name === name)!;
  const covered = coverage(
    banking.rows.map((r) => r.label),
    banking.answers,
  );
  const best = Math.max(
    ...Object.entries(spaceOf('banking').metrics).flatMap(([name, value]) =>
      name.startsWith('test.') && name.endsWith('.auroc_misclassification_of_the_ensemble') ? [value] : [],
    ),
  );
  const times = await stageTimes(env, 'banking', banking.rows.map((r) => r.text).slice(0, 512));
  const lost = manifest.spaces.map((s) => -(s.metrics['int8.accuracy_difference'] ?? 0));
  return [
    atLeast('Banking77 accuracy', 0.948, banking.figures.accuracy!),
    atLeast('CLINC150 in-scope accuracy', 0.972, assistant.figures.accuracy!),
    atLeast('CLINC150 out-of-scope AUROC', 0.987, assistant.figures.auroc_out_of_scope!),
    atMost('CLINC150 in-scope ECE', 0.009, assistant.figures.ece!),
    atMost('Banking77 ECE', 0.012, banking.figures.ece!),
    atLeast('bitext-support accuracy', 0.993, support.figures.accuracy!),
    atLeast('UCI sentiment accuracy', 0.94, sentiment.figures.accuracy!),
    atLeast('Banking77 AUROC for mistakes', 0.935, banking.figures.auroc_misclassification!),
    atLeast('  against the best member (manifest)', best, banking.figures.auroc_misclassification!),
    between('Banking77 coverage of 95 % sets', 0.94, 0.97, covered.share),
    atMost('  their mean size', 1.1, covered.size),
    atLeast('throughput, T = 30 against T = 1', 0.93, times.withOne / times.withSamples),
    atMost('most accuracy lost by int8 (manifest)', 0.002, Math.max(...lost)),
    atMost('trees, regression, meta against encoder', 0.2, headsShare(times)),
    atLeast('Predict queries a core-second, models alone', 250, 1000 / times.withSamples),
  ];
}

const headsShare = ({ encoder, heads }: StageTimes): number => heads / encoder;

/** Share of true labels inside their prediction set, and the mean size of the sets. */
function coverage(labels: readonly string[], answers: readonly PredictResponse[]): { share: number; size: number } {
  const sets = answers.map((a) => a.predictionSet?.labels ?? []);
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  return { share: mean(sets.map((set, i) => (set.includes(labels[i]!) ? 1 : 0))), size: mean(sets.map((set) => set.length)) };
}

const table = (lines: readonly Line[]): string => {
  const width = Math.max(...lines.map((line) => line.what.length));
  const row = (what: string, asked: string, reached: string, enough: string): string =>
    `${what.padEnd(width)}  ${asked.padStart(12)}  ${reached.padStart(8)}  ${enough}\n`;
  return (
    row('on the test rows, as served', 'asked', 'reached', '') +
    lines.map((line) => row(line.what, line.asked, line.reached.toFixed(line.reached > 10 ? 0 : 4), line.enough ? 'yes' : 'no')).join('')
  );
};
