import { RetryInfo } from 'nice-grpc-error-details';
import { fault } from '../errors.js';
import { batchOf, type Padding, type Task } from './batch.js';
import type { Manifest } from './manifest.js';
import { batchSizes, batchWaitMs, queueDepth } from './metrics.js';
import type { RowResult } from './models.js';
import { nextBatch, type Waiting } from './nextBatch.js';
import { WorkerLost, type Workers } from './workers.js';

/** The bounded queue in front of the threads. */
export interface Batcher {
  /** Texts that wait. */
  waiting(): number;
  /**
   * Runs one text, together with others of its kind, before any in the background. An aborted one is not run when its turn comes; one whose
   * thread dies runs once more.
   * @throws Fault INFERENCE_BUSY with RetryInfo when the queue is full, AbortError when `signal` fires before its turn
   */
  run(task: Task, signal: AbortSignal): Promise<RowResult>;
}

export interface BatcherLimits extends Padding {
  /** Most texts that wait. */
  readonly maxQueued: number;
  /** Most texts in one batch. */
  readonly maxBatch: number;
  readonly maxTokens: number;
}

/** The limits for a bundle's texts. */
export const limitsOf = (
  { tokenizer, byteTokenizer }: Manifest,
  { maxQueued, maxBatch }: Pick<BatcherLimits, 'maxQueued' | 'maxBatch'>,
): BatcherLimits => ({
  maxQueued,
  maxBatch,
  maxTokens: tokenizer.maxTokens,
  padTokenId: tokenizer.padTokenId,
  bytePadTokenId: byteTokenizer?.padTokenId ?? 0,
});

/** Rows are padded to one of these. Measured on short support messages: steps of 4 take a quarter less time than 16, 32, 64; steps of 2 gain nothing more. */
const WIDTHS = [8, 12, 16, 20, 24, 28, 32, 48, 64, 96, 128, 192];
/** So long does a text in the background let others go first, milliseconds: never for ever, and rarely until its caller gives up. */
const BACKGROUND_PATIENCE_MS = 5000;
const RETRY_LEAST_MS = 20;
const RETRY_MOST_MS = 5000;

interface Entry extends Waiting {
  readonly task: Task;
  readonly signal: AbortSignal;
  readonly queuedAtMs: number;
  /** Who is due first runs first. */
  readonly dueAtMs: number;
  alone: boolean;
  resolve(row: RowResult): void;
  reject(error: Error): void;
}

export function openBatcher(workers: Workers, limits: BatcherLimits, nowMs: () => number = () => performance.now()): Batcher {
  // Entries leave in the order in which they are due, but for those that join an older one's batch.
  let queue: Entry[] = [];
  let backgroundBatches = 0;
  let scheduled = false;
  let msPerRow = 2;

  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    // At the end of this turn of the loop: calls that came in together run together, and none waits for a timer.
    setImmediate(() => {
      scheduled = false;
      queue = withoutAborted(queue);
      for (let batch = next(); batch.length > 0; batch = next()) {
        queue = queue.filter((entry) => !batch.includes(entry));
        void start(batch);
      }
      queueDepth.set(queue.length);
    });
  };
  workers.onChange(schedule);

  const next = (): Entry[] => {
    if (workers.idle === 0) return [];
    // Of several threads one is always left to those who wait for an answer.
    const withBackground = backgroundBatches < Math.max(1, workers.alive - 1);
    return nextBatch(queue, workers.bearsCompany ? limits.maxBatch : 1, withBackground);
  };

  const start = async (entries: Entry[]): Promise<void> => {
    const startedMs = nowMs();
    for (const { queuedAtMs } of entries) batchWaitMs.observe(startedMs - queuedAtMs);
    batchSizes.observe(entries.length);
    const slots = entries[0]!.task.background ? 1 : 0;
    backgroundBatches += slots;
    try {
      const tasks = entries.map(({ task }) => task);
      const rows = await workers.run(batchOf(tasks, entries[0]!.width, limits));
      msPerRow += 0.1 * ((nowMs() - startedMs) / entries.length - msPerRow);
      entries.forEach((entry, i) => {
        entry.resolve(rows[i]!);
      });
    } catch (error) {
      queue = [...toRunAgain(entries, error as Error), ...queue];
    } finally {
      backgroundBatches -= slots;
      schedule();
    }
  };

  const run = (task: Task, signal: AbortSignal): Promise<RowResult> => {
    if (signal.aborted) return Promise.reject(abortError());
    if (queue.length >= limits.maxQueued) queue = withoutAborted(queue);
    if (queue.length >= limits.maxQueued) return Promise.reject(busy(queue.length, (queue.length * msPerRow) / Math.max(1, workers.alive)));
    const width = WIDTHS.find((w) => w >= task.inputs.ids.length) ?? limits.maxTokens;
    return new Promise((resolve, reject) => {
      const queuedAtMs = nowMs();
      const dueAtMs = queuedAtMs + (task.background ? BACKGROUND_PATIENCE_MS : 0);
      const behind = queue.findLastIndex((entry) => entry.dueAtMs <= dueAtMs) + 1;
      queue.splice(behind, 0, { task, signal, width, queuedAtMs, dueAtMs, alone: false, resolve, reject });
      schedule();
    });
  };
  return { waiting: () => queue.length, run };
}

/** Those of a failed batch that run once more, each alone; the others fail. */
function toRunAgain(entries: readonly Entry[], error: Error): Entry[] {
  const again = entries.filter((entry) => !entry.alone && (error instanceof WorkerLost || entries.length > 1));
  for (const entry of entries) {
    if (again.includes(entry)) entry.alone = true;
    else entry.reject(error);
  }
  return again;
}

/** Those whose callers still wait. */
function withoutAborted(queue: readonly Entry[]): Entry[] {
  for (const entry of queue) if (entry.signal.aborted) entry.reject(abortError());
  return queue.filter((entry) => !entry.signal.aborted);
}

/** How long until the queue has run empty, at the pace of the last batches. */
function busy(queued: number, waitMs: number): Error {
  const delayMs = Math.round(Math.min(RETRY_MOST_MS, Math.max(RETRY_LEAST_MS, waitMs)));
  const retryDelay = { seconds: Math.floor(delayMs / 1000), nanos: (delayMs % 1000) * 1_000_000 };
  return fault('INFERENCE_BUSY', { queued }, [RetryInfo.fromPartial({ retryDelay })]);
}

const abortError = (): Error => new DOMException('The caller is gone.', 'AbortError');
