import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { StartError } from '../../lib/errors.js';
import { log } from '../../lib/log.js';
import { type Batch, buffersOf } from './batch.js';
import type { Bundle } from './bundle.js';
import type { RowResult } from './models.js';
import type { Company } from './probe.js';
import { threadFile } from './threadFile.js';
import type { WorkerMessage, WorkerOrder, WorkerStart } from './worker.js';

/** The thread that ran a batch ended before it answered: the batch may run again elsewhere. */
export class WorkerLost extends Error {
  override readonly name = 'WorkerLost';
}

/** Threads that run batches, one at a time each. */
export interface Workers {
  /** Threads that can run batches now or after the one they run. */
  readonly alive: number;
  /** Threads that run nothing now. */
  readonly idle: number;
  /** Whether texts may run together; see `Company`. */
  readonly bearsCompany: boolean;
  /** The living threads. */
  readonly threads: readonly Worker[];
  /** Runs a batch on an idle thread. @throws WorkerLost when the thread ends first, or none is idle */
  run(batch: Batch): Promise<RowResult[]>;
  /** Called whenever a thread may take a batch, or has been lost. */
  onChange(listener: () => void): void;
  /** Called with the number of living threads when it changes. */
  onAlive(listener: (alive: number) => void): void;
  /** Ends the threads when they have done what they run. */
  close(): Promise<void>;
}

const RESPAWN_FIRST_MS = 50;
const RESPAWN_MOST_MS = 5000;
/** Share of the threads that start at a time: opening their sessions takes as many cores, from which another bundle may be answering. */
const STARTING_SHARE = 0.25;

interface Thread {
  readonly worker: Worker;
  job: { resolve(rows: RowResult[]): void; reject(error: Error): void } | undefined;
}

/**
 * Starts `count` threads, each with its own sessions, and replaces those that end. The first tries the bundle out before the others start.
 * @throws StartError when the bundle cannot be used
 */
export async function startWorkers({ dir, manifest }: Pick<Bundle, 'dir' | 'manifest'>, count: number): Promise<Workers> {
  const threads = new Set<Thread>();
  const events = new EventEmitter<{ change: []; alive: [number] }>();
  let company: Company | undefined;
  const closing = new AbortController();
  const replacements = new Set<Promise<void>>();
  const counted = (): void => {
    if (closing.signal.aborted) return;
    events.emit('alive', threads.size);
    events.emit('change');
  };

  const lost = (thread: Thread, exitCode: number): void => {
    threads.delete(thread);
    thread.job?.reject(new WorkerLost('The thread ended while it ran a batch.'));
    if (!closing.signal.aborted) {
      log.error({ exitCode, alive: threads.size }, 'an inference thread ended and is started again');
      replace();
    }
    counted();
  };
  const add = async (): Promise<void> => {
    const workerData: WorkerStart = { dir, manifest, company };
    const thread: Thread = { worker: new Worker(threadFile('worker'), { workerData, name: 'inference' }), job: undefined };
    company = await ready(thread.worker);
    if (closing.signal.aborted) return end(thread.worker);
    threads.add(thread);
    thread.worker.on('message', (message: WorkerMessage) => {
      settle(thread, message);
      events.emit('change');
    });
    thread.worker.on('exit', (exitCode) => lost(thread, exitCode));
    counted();
  };
  const replace = (): void => {
    const replacing = retried(add, closing.signal).finally(() => replacements.delete(replacing));
    replacements.add(replacing);
  };

  const close = async (): Promise<void> => {
    closing.abort();
    await Promise.all([...replacements, ...[...threads].map(({ worker }) => end(worker))]);
  };
  try {
    await add();
    await repeat(add, count - 1, Math.max(1, Math.floor(count * STARTING_SHARE)));
  } catch (error) {
    await close();
    throw error;
  }
  if (!company?.bearsCompany) log.warn('answers of this bundle depend on the texts beside them: each text runs alone, which is slower');
  return {
    get alive() {
      return threads.size;
    },
    get idle() {
      return [...threads].filter((t) => !t.job).length;
    },
    get bearsCompany() {
      return company?.bearsCompany ?? false;
    },
    get threads() {
      return [...threads].map((t) => t.worker);
    },
    run: (batch) => runOn(threads, batch),
    onChange: (listener) => void events.on('change', listener),
    onAlive: (listener) => void events.on('alive', listener),
    close,
  };
}

/** Does the work so many times, `together` of them at a time. @throws the first error, once all that has begun has ended */
async function repeat(work: () => Promise<void>, times: number, together: number): Promise<void> {
  for (let left = times; left > 0; left -= together) {
    const results = await Promise.allSettled(Array.from({ length: Math.min(left, together) }, work));
    const failed = results.find((r) => r.status === 'rejected');
    if (failed) throw failed.reason;
  }
}

/** Gives the thread's answer to whoever waits for it. */
function settle(thread: Thread, message: WorkerMessage): void {
  const { job } = thread;
  thread.job = undefined;
  if (message.kind === 'done') job?.resolve(message.rows);
  else if (message.kind === 'failed') job?.reject(new Error(message.message));
}

/** Starts a thread, after a pause that doubles with each failure, until it is there or `signal` fires. */
async function retried(add: () => Promise<void>, signal: AbortSignal): Promise<void> {
  for (let waitMs = RESPAWN_FIRST_MS; ; waitMs = Math.min(2 * waitMs, RESPAWN_MOST_MS)) {
    const waited = await delay(waitMs, true, { signal }).catch(() => false);
    if (!waited) return;
    try {
      return await add();
    } catch (error) {
      log.error({ error }, 'an inference thread could not be started again');
    }
  }
}

function runOn(threads: ReadonlySet<Thread>, batch: Batch): Promise<RowResult[]> {
  const thread = [...threads].find((t) => !t.job);
  if (!thread) return Promise.reject(new WorkerLost('No thread is idle.'));
  return new Promise((resolve, reject) => {
    thread.job = { resolve, reject };
    thread.worker.postMessage(batch satisfies WorkerOrder, buffersOf(batch));
  });
}

/** Ends a thread when it has done what it runs. Never `terminate()`: onnxruntime-node takes the process down when that comes while a session runs. */
function end(worker: Worker): Promise<void> {
  return new Promise((resolve) => {
    worker.once('exit', () => resolve());
    worker.postMessage('end' satisfies WorkerOrder);
  });
}

/** Resolves when the thread has opened its sessions, with how texts may run together. @throws StartError when it refuses the bundle, Error when it ends */
function ready(worker: Worker): Promise<Company> {
  return new Promise((resolve, reject) => {
    worker.once('message', (message: WorkerMessage) => {
      if (message.kind === 'ready') resolve(message.company);
      else reject(message.kind === 'refused' ? new StartError(message.message) : new Error('The thread did not say that it is ready.'));
    });
    // Stays for the thread's life: without a listener a thread's error would end the process. Its exit follows.
    worker.on('error', (error) => {
      log.error({ error }, 'an inference thread failed');
      reject(error);
    });
    worker.once('exit', () => reject(new Error('The thread ended before it was ready.')));
  });
}
