import { availableParallelism } from 'node:os';
import { ClientError, Status } from 'nice-grpc';
import type { InferenceServiceDefinition, PredictResponse } from '../gen/replymesh/inference/v1/inference_service.js';
import { background } from '../lib/call.js';
import type { MeshClient } from '../lib/client.js';
import { CommandFailed } from './failure.js';
import { progressBar } from './progressBar.js';
import type { Row } from './rows.js';

export type InferenceClient = MeshClient<typeof InferenceServiceDefinition>;

/** Longest wait for one answer, milliseconds. */
export const CALL_MS = 60_000;
/** Enough to keep each worker's batches full, few enough for the service's queue. */
const CONCURRENCY = 8 * availableParallelism();
/** Asks for every label's probability, so that the true one's is among them. */
const ALL_INTENTS = 1000;

/** Has every row judged in a label space, many at a time, with a progress bar on a terminal. @throws CommandFailed that names file and line of a row that is refused */
export async function predictAll(
  client: InferenceClient,
  labelSpace: string,
  rows: readonly Row[],
  signal: AbortSignal,
): Promise<{ answers: PredictResponse[]; seconds: number }> {
  const answers: PredictResponse[] = new Array(rows.length);
  // The first failure ends the others: the figures would not be whole.
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  let next = 0;
  const caller = async (): Promise<void> => {
    for (let i = next++; i < rows.length && !either.aborted; i = next++) {
      const within = background({ tenant: 'evaluation', timeoutMs: CALL_MS, signal: either });
      answers[i] = await client
        .predict({ text: rows[i]!.text, labelSpace, intentLimit: ALL_INTENTS }, { within })
        .catch((error: unknown) => {
          const first = !either.aborted;
          failed.abort();
          const refused = first && error instanceof ClientError && error.code === Status.INVALID_ARGUMENT;
          throw refused ? new CommandFailed(`${rows[i]!.file}:${rows[i]!.line}: ${error.details}`) : error;
        });
      bar.increment();
    }
  };
  const started = performance.now();
  const bar = progressBar('judging', rows.length);
  try {
    await Promise.all(Array.from({ length: CONCURRENCY }, caller));
  } finally {
    bar.stop();
  }
  return { answers, seconds: (performance.now() - started) / 1000 };
}
