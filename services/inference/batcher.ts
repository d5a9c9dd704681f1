import { RetryInfo } from 'nice-grpc-error-details';
import { fault } from '../errors.js';
import { batchOf, type Padding, type Task } from './batch.js';
import type { Manifest } from './manifest.js';
import { batchSizes, batchWaitMs, queueDepth } from './metrics.js';
import type { RowResult } from './models.js';
import { WorkerLost, type Workers } from './workers.js';

/** The bounded queue in front of the threads. */
export interface Batcher {
  /**
   * Runs one text, together with others of its kind. An aborted one is not run when its turn comes; one whose thread dies runs once more.
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
/** Most tokens in one batch, padding counted in: a batch of long texts must not hold up the short ones behind it. */
const MAX_BATCH_TOKENS = 1024;
/** Rows at which a batch has earned its fixed cost. Measured: a text takes 1.7 times as long alone as in a batch of 4, which is as good as 16. */
const ENOUGH_ROWS = 4;
/** Most padding that a row takes to join a batch of wider ones. */
const MOST_EXTRA_PADDING = 8;
const RETRY_LEAST_MS = 20;
const RETRY_MOST_MS = 5000;

/** What decides who runs with whom. */
interface Waiting {
  readonly task: Pick<Task, 'space' | 'votes'>;
  /** Tokens a row, padding counted in. */
  readonly width: number;
  /** Ran once and took its thread or its batch down: it runs alone now, so that it can harm nobody else. */
  readonly alone: boolean;
}
interface Entry extends Waiting {
  readonly task: Task;
  readonly signal: AbortSignal;
  readonly queuedAtMs: number;
  alone: boolean;
  resolve(row: RowResult): void;
  reject(error: Error): void;
}

export function openBatcher(workers: Workers, limits: BatcherLimits, nowMs: () => number = () => performance.now()): Batcher {
  // Entries leave in the order in which they came, but for those that join an older one's batch.
  let queue: Entry[] = [];
  let scheduled = false;
  let msPerRow = 2;

  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    // At the end of this turn of the loop: calls that came in together run together, and none waits for a timer.
    setImmediate(() => {
      scheduled = false;
      dropAborted();
      while (queue.length > 0 && workers.idle > 0) {
        const [batch, rest] = nextBatch(queue, workers.bearsCompany ? limits.maxBatch : 1);
        queue = rest;
        void start(batch);
      }
      queueDepth.set(queue.length);
    });
  };
  workers.onChange(schedule);

  const dropAborted = (): void => {
    for (const entry of queue) if (entry.signal.aborted) entry.reject(abortError());
    queue = queue.filter((entry) => !entry.signal.aborted);
  };

  const start = async (entries: Entry[]): Promise<void> => {
    const startedMs = nowMs();
    for (const { queuedAtMs } of entries) batchWaitMs.observe(startedMs - queuedAtMs);
    batchSizes.observe(entries.length);
    try {
      const tasks = entries.map(({ task }) => task);
      const rows = await workers.run(batchOf(tasks, entries[0]!.width, limits));
      msPerRow += 0.1 * ((nowMs() - startedMs) / entries.length - msPerRow);
      entries.forEach((entry, i) => {
        entry.resolve(rows[i]!);
      });
    } catch (error) {
      again(entries, error as Error);
    }
  };

  const again = (entries: Entry[], error: Error): void => {
    const retried = entries.filter((entry) => !entry.alone && (error instanceof WorkerLost || entries.length > 1));
    for (const entry of entries) {
      if (retried.includes(entry)) entry.alone = true;
      else entry.reject(error);
    }
    queue = [...retried, ...queue];
    schedule();
  };

  const run = (task: Task, signal: AbortSignal): Promise<RowResult> => {
    if (signal.aborted) return Promise.reject(abortError());
    if (queue.length >= limits.maxQueued) dropAborted();
    if (queue.length >= limits.maxQueued) return Promise.reject(busy(queue.length, (queue.length * msPerRow) / Math.max(1, workers.alive)));
    const width = WIDTHS.find((w) => w >= task.inputs.ids.length) ?? limits.maxTokens;
    return new Promise((resolve, reject) => {
      queue.push({ task, signal, width, queuedAtMs: nowMs(), alone: false, resolve, reject });
      schedule();
    });
  };
  return { run };
}

/**
 * The oldest entry and those of its kind and width behind it, as many as fit into a batch; where these are few, somewhat narrower ones,
 * padded. And what is left, in order.
 */
export function nextBatch<E extends Waiting>(queue: readonly E[], maxBatch: number): [batch: E[], rest: E[]] {
  const oldest = queue[0];
  if (!oldest) return [[], []];
  const room = oldest.alone ? 1 : Math.max(1, Math.min(maxBatch, Math.floor(MAX_BATCH_TOKENS / oldest.width)));
  const kin = queue.filter(
    (entry) => entry !== oldest && !entry.alone && entry.task.space === oldest.task.space && entry.task.votes === oldest.task.votes,
  );
  const same = kin.filter((entry) => entry.width === oldest.width);
  const narrower = kin.filter((entry) => entry.width < oldest.width && entry.width >= oldest.width - MOST_EXTRA_PADDING);
  const fillers = narrower.slice(0, Math.max(0, ENOUGH_ROWS - 1 - same.length));
  const batch = [oldest, ...same, ...fillers].slice(0, room);
  const taken = new Set(batch);
  return [batch, queue.filter((entry) => !taken.has(entry))];
}

/** How long until the queue has run empty, at the pace of the last batches. */
function busy(queued: number, waitMs: number): Error {
  const delayMs = Math.round(Math.min(RETRY_MOST_MS, Math.max(RETRY_LEAST_MS, waitMs)));
  const retryDelay = { seconds: Math.floor(delayMs / 1000), nanos: (delayMs % 1000) * 1_000_000 };
  return fault('INFERENCE_BUSY', { queued }, [RetryInfo.fromPartial({ retryDelay })]);
}

const abortError = (): Error => new DOMException('The caller is gone.', 'AbortError');
