/** Entry of a worker thread: opens the bundle's sessions, says so, then answers one batch after the other. */
import { parentPort, workerData } from 'node:worker_threads';
import { StartError } from '../../lib/errors.js';
import type { Batch } from './batch.js';
import type { Manifest } from './manifest.js';
import { openModels, type RowResult } from './models.js';
import type { Company } from './probe.js';

/** What the thread is started with. */
export interface WorkerStart {
  readonly dir: string;
  readonly manifest: Manifest;
  /** What another thread has found out of the bundle; absent for the first. */
  readonly company: Company | undefined;
}
/** What the thread is told: to run a batch, or to end once the one that it runs is done. */
export type WorkerOrder = Batch | 'end';
/** What the thread says. */
export type WorkerMessage =
  | { readonly kind: 'ready'; readonly company: Company }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'done'; readonly rows: RowResult[] }
  | { readonly kind: 'failed'; readonly message: string };

const port = parentPort;
if (!port) throw new Error('This file is the entry of a worker thread.');
const say = (message: WorkerMessage, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);

try {
  const { company, ...bundle } = workerData as WorkerStart;
  const models = await openModels(bundle, company);
  let running = Promise.resolve();
  port.on('message', (order: WorkerOrder) => {
    if (order === 'end') return void running.then(() => models.close()).finally(() => port.close());
    running = models.run(order).then(
      (rows) =>
        say(
          { kind: 'done', rows },
          rows.map((row) => row.embedding.buffer as ArrayBuffer),
        ),
      (error: Error) => say({ kind: 'failed', message: error.message }),
    );
  });
  say({ kind: 'ready', company: models.company });
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  say({ kind: 'refused', message: error.message });
  port.close();
}
