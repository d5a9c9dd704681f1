import { ClientError, Status } from 'nice-grpc';
import { InferenceServiceDefinition, type PredictResponse } from '../gen/replymesh/inference/v1/inference_service.js';
import { background } from '../lib/call.js';
import { connect } from '../lib/client.js';
import type { Environment } from '../lib/config.js';
import { CommandFailed } from './failure.js';
import { startInference } from './inferenceProcess.js';
import { accuracy, auroc, expectedCalibrationError, type Judged, macroF1, negativeLogLikelihood } from './metrics.js';
import { CALL_MS, type InferenceClient, predictAll } from './predictAll.js';
import { type Row, readRows } from './rows.js';

export interface EvaluateOptions {
  readonly data: string;
  readonly space: string;
  readonly outOfScope?: string;
  readonly limit?: number;
  readonly address?: string;
  readonly json?: boolean;
}
export type Figures = Readonly<Record<keyof typeof MEANING, number | null>>;

/** The label of rows that are about nothing in the space. */
const OUT_OF_SCOPE = 'out_of_scope';
const SHOWN_ROWS = 5;

const MEANING = {
  n: 'rows with a label of the space',
  accuracy: 'share of right intents',
  macro_f1: 'mean F1 of the intents',
  nll: 'negative log-likelihood, nats',
  ece: 'expected calibration error, 15 bins',
  auroc_misclassification: 'how well low confidence finds mistakes',
  auroc_out_of_scope: 'how well the score finds what is out of scope',
  queries_per_second: 'throughput here',
} as const;

/** Measures a label space on labelled rows, through the served models. */
export async function evaluate(options: EvaluateOptions, env: Environment, signal: AbortSignal): Promise<number> {
  const rows = await readRows(options.data, options.limit);
  const outside = options.outOfScope === undefined ? [] : await readRows(options.outOfScope, options.limit);
  if (options.address === undefined) process.stderr.write('Starting the inference service …\n');
  const server = options.address === undefined ? await startInference(env, signal) : undefined;
  const target = options.address ?? server!.target;
  const connection = connect(InferenceServiceDefinition, { callee: 'inference', target, timeoutMs: CALL_MS });
  try {
    signal.throwIfAborted();
    await refuseUnknownLabels(connection.client, options.space, rows, signal);
    const all = [...rows, ...outside.map((row) => ({ ...row, label: OUT_OF_SCOPE }))];
    const { answers, seconds } = await predictAll(connection.client, options.space, all, signal);
    const figures = figuresOf(all, answers, seconds);
    process.stdout.write(options.json ? `${JSON.stringify(figures)}\n` : table(figures));
    return 0;
  } catch (error) {
    if (error instanceof ClientError && error.code === Status.UNAVAILABLE) {
      throw new CommandFailed(`The inference service at ${target} does not answer: ${error.details}`);
    }
    throw error;
  } finally {
    await connection.close();
    await server?.stop();
  }
}

async function refuseUnknownLabels(client: InferenceClient, space: string, rows: readonly Row[], signal: AbortSignal): Promise<void> {
  const { manifest } = await client.describeBundle({}, { within: background({ tenant: 'evaluation', timeoutMs: CALL_MS, signal }) });
  const spaces = manifest?.spaces ?? [];
  const known = spaces.find((s) => s.name === space);
  if (!known) throw new CommandFailed(`Label space "${space}" is not in this bundle. Use one of: ${spaces.map((s) => s.name).join(', ')}.`);
  const labels = new Set([...known.labels, OUT_OF_SCOPE]);
  const foreign = rows.filter((row) => !labels.has(row.label));
  if (foreign.length === 0) return;
  const shown = foreign.slice(0, SHOWN_ROWS).map((row) => `  ${row.file}:${row.line}: "${row.label}"`);
  const more = foreign.length > SHOWN_ROWS ? [`  … and ${foreign.length - SHOWN_ROWS} more`] : [];
  const problem = `${foreign.length} of ${rows.length} rows have labels that the space "${space}" does not know:`;
  throw new CommandFailed([problem, ...shown, ...more, `Rows about something else are to be labelled ${OUT_OF_SCOPE}.`].join('\n'));
}

export function figuresOf(rows: readonly Row[], answers: readonly PredictResponse[], seconds: number): Figures {
  const isOutside = (i: number): boolean => rows[i]!.label === OUT_OF_SCOPE;
  const scores = (outside: boolean): number[] =>
    answers.flatMap((a, i) => (isOutside(i) === outside && a.outOfScope ? [a.outOfScope.score] : []));
  const judged = answers.flatMap((answer, i) => (isOutside(i) ? [] : [judge(rows[i]!, answer)]));
  const doubt = (right: boolean): number[] => judged.filter((j) => (j.predicted === j.label) === right).map((j) => 1 - j.confidence);
  const orNull = (value: number): number | null => (judged.length === 0 ? null : value);
  return {
    n: judged.length,
    accuracy: orNull(accuracy(judged)),
    macro_f1: orNull(macroF1(judged)),
    nll: orNull(negativeLogLikelihood(judged)),
    ece: orNull(expectedCalibrationError(judged)),
    auroc_misclassification: auroc(doubt(false), doubt(true)),
    auroc_out_of_scope: auroc(scores(true), scores(false)),
    queries_per_second: rows.length / seconds,
  };
}

const judge = ({ label }: Row, answer: PredictResponse): Judged => ({
  label,
  predicted: answer.intents[0]?.label ?? '',
  confidence: answer.confidence,
  probability: answer.intents.find((intent) => intent.label === label)?.score ?? 0,
});

const table = (figures: Figures): string =>
  Object.entries(figures)
    .map(([name, value]) => {
      const shown =
        value === null ? '–' : name === 'n' ? String(value) : name === 'queries_per_second' ? value.toFixed(1) : value.toFixed(4);
      return `${name.padEnd(24)} ${shown.padStart(8)}   ${MEANING[name as keyof typeof MEANING]}\n`;
    })
    .join('');
