import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { SingleBar } from 'cli-progress';
import { InferenceServiceDefinition, type PredictResponse } from '../gen/replymesh/inference/v1/inference_service.js';
import { background } from '../lib/call.js';
import { connect, type MeshClient } from '../lib/client.js';
import { isServing } from '../mesh/health.js';
import { freePort } from '../mesh/ports.js';
import { ProgramFailed, type Supervised, supervise } from '../mesh/supervised.js';
import { accuracy, auroc, expectedCalibrationError, type Judged, macroF1, negativeLogLikelihood } from './metrics.js';
import { type Row, readRows } from './rows.js';
import { root } from './settings.js';

export interface EvaluateOptions {
  readonly data: string;
  readonly space: string;
  readonly outOfScope?: string;
  readonly limit?: number;
  readonly address?: string;
  readonly json?: boolean;
}
type Client = MeshClient<typeof InferenceServiceDefinition>;

/** The label of rows that are about nothing in the space. */
const OUT_OF_SCOPE = 'out_of_scope';
const CALL_MS = 60_000;
const CONCURRENCY = 8 * availableParallelism();

/** Measures a label space on labelled rows through the served models. */
export async function evaluate(options: EvaluateOptions): Promise<number> {
  const rows = await readRows(options.data, options.limit);
  const outside = options.outOfScope ? (await readRows(options.outOfScope, options.limit)).map((r) => ({ ...r, label: OUT_OF_SCOPE })) : [];
  const server = options.address ? undefined : await startInference();
  const target = options.address ?? server!.target;
  const connection = connect(InferenceServiceDefinition, { callee: 'inference', target, timeoutMs: CALL_MS });
  try {
    const problem = await unknownLabels(connection.client, options.space, rows);
    if (problem) {
      process.stderr.write(`${options.data}: ${problem}\n`);
      return 1;
    }
    const figures = await measure(connection.client, options.space, [...rows, ...outside]);
    process.stdout.write(options.json ? `${JSON.stringify(figures)}\n` : table(figures));
    return 0;
  } finally {
    await connection.close();
    await server?.process.stop();
  }
}

async function startInference(): Promise<{ target: string; process: Supervised }> {
  process.stderr.write('Starting the inference service …\n');
  const port = await freePort();
  const env = Object.fromEntries(Object.entries(process.env).filter((e): e is [string, string] => e[1] !== undefined));
  const program = {
    name: 'inference',
    command: process.execPath,
    args: [join(root, 'dist', 'services', 'inference', 'main.js')],
    env: { ...env, REPLYMESH_LISTEN: `127.0.0.1:${port}`, REPLYMESH_CACHE: 'off', REPLYMESH_LOG_LEVEL: 'warn' },
    isReady: () => isServing(port),
  };
  const started = await supervise(program, () => {}).catch((error: unknown) => {
    if (!(error instanceof ProgramFailed)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(error.exitCode === 78 ? 78 : 1);
  });
  return { target: `127.0.0.1:${port}`, process: started };
}

async function unknownLabels(client: Client, space: string, rows: readonly Row[]): Promise<string | undefined> {
  const { manifest } = await client.describeBundle({}, { within: background({ tenant: 'evaluation', timeoutMs: CALL_MS }) });
  const known = manifest?.spaces.find((s) => s.name === space);
  if (!known) return `label space "${space}" is not in this bundle. Use one of: ${manifest?.spaces.map((s) => s.name).join(', ')}.`;
  const foreign = rows.filter((r) => r.label !== OUT_OF_SCOPE && !known.labels.includes(r.label));
  if (foreign.length === 0) return undefined;
  const shown = foreign.slice(0, 5).map((r) => `line ${r.line} "${r.label}"`);
  return `${foreign.length} rows have labels that the space "${space}" does not know: ${shown.join(', ')}.`;
}

async function measure(client: Client, space: string, rows: readonly Row[]): Promise<Record<string, number | null>> {
  const bar = process.stderr.isTTY ? new SingleBar({ format: '{bar} {value}/{total} {eta_formatted}', stream: process.stderr }) : undefined;
  bar?.start(rows.length, 0);
  const answers: PredictResponse[] = new Array(rows.length);
  let next = 0;
  const started = performance.now();
  const caller = async (): Promise<void> => {
    for (let i = next++; i < rows.length; i = next++) {
      const within = background({ tenant: 'evaluation', timeoutMs: CALL_MS });
      answers[i] = await client.predict({ text: rows[i]!.text, labelSpace: space, intentLimit: 1000 }, { within });
      bar?.increment();
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, caller));
  const seconds = (performance.now() - started) / 1000;
  bar?.stop();
  const outScore = (label: boolean): number[] =>
    answers.flatMap((a, i) => ((rows[i]!.label === OUT_OF_SCOPE) === label && a.outOfScope ? [a.outOfScope.score] : []));
  const judged = answers.flatMap((a, i) => (rows[i]!.label === OUT_OF_SCOPE ? [] : [judge(rows[i]!, a)]));
  const doubt = (right: boolean): number[] => judged.filter((j) => (j.predicted === j.label) === right).map((j) => 1 - j.confidence);
  return {
    n: judged.length,
    accuracy: accuracy(judged),
    macro_f1: macroF1(judged),
    nll: negativeLogLikelihood(judged),
    ece: expectedCalibrationError(judged),
    auroc_misclassification: auroc(doubt(false), doubt(true)),
    auroc_out_of_scope: auroc(outScore(true), outScore(false)),
    queries_per_second: rows.length / seconds,
  };
}

const judge = ({ label }: Row, answer: PredictResponse): Judged => ({
  label,
  predicted: answer.intents[0]?.label ?? '',
  confidence: answer.confidence,
  probability: answer.intents.find((i) => i.label === label)?.score ?? 0,
});

const table = (figures: Record<string, number | null>): string =>
  Object.entries(figures)
    .map(([name, value]) => `${name.padEnd(26)} ${value === null ? '–' : Number.isInteger(value) ? value : value.toFixed(4)}\n`)
    .join('');
