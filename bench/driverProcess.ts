import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../lib/packageRoot.js';
import type { Job } from './driver.js';
import type { Measured } from './load.js';

export interface Driver {
  /** Rejects when the driver ends before its answer, or when `signal` is aborted. One job at a time. */
  run(job: Job, signal: AbortSignal): Promise<Measured>;
  close(): Promise<void>;
}

export function startDriver(): Driver {
  const child = fork(fileURLToPath(new URL('dist/bench/driver.js', packageRoot)), {
    serialization: 'advanced',
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  const ended = once(child, 'exit');
  return {
    run: async (job, signal) => {
      const done = new AbortController();
      const answer = once(child, 'message', { signal: AbortSignal.any([signal, done.signal]) }) as Promise<[Measured]>;
      child.send(job);
      const gone = ended.then(([code]) => Promise.reject(new Error(`The load driver ended with ${code}.`)));
      try {
        return (await Promise.race([answer, gone]))[0];
      } finally {
        done.abort();
        answer.catch(() => {});
      }
    },
    close: async () => {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}
