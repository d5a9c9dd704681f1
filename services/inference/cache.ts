import { LRUCache } from 'lru-cache';
import { cacheLookups } from './metrics.js';

/** Answers by what they were computed from. The same request that is running already is waited for, not run again. */
export interface Cache<V> {
  /**
   * The stored answer of `key`, or that of `run`. `run`'s signal fires when everybody who waits for the answer has left; failures are not stored.
   * @throws AbortError when `signal` fires first, and whatever `run` throws
   */
  through(key: string, signal: AbortSignal, run: (signal: AbortSignal) => Promise<V>): Promise<V>;
}

interface Running<V> {
  readonly answer: Promise<V>;
  readonly abort: AbortController;
  waiting: number;
}

/** @param maxBytes most memory for answers; 0 stores none, but a running one is still shared. @param sizeOf bytes of one answer, at least 1 */
export function openCache<V extends object>(maxBytes: number, sizeOf: (value: V) => number): Cache<V> {
  const stored = maxBytes > 0 ? new LRUCache<string, V>({ maxSize: maxBytes, sizeCalculation: sizeOf }) : undefined;
  const running = new Map<string, Running<V>>();

  const begin = (key: string, run: (signal: AbortSignal) => Promise<V>): Running<V> => {
    const abort = new AbortController();
    const answer = run(abort.signal)
      .then((value) => {
        stored?.set(key, value);
        return value;
      })
      .finally(() => {
        if (running.get(key) === entry) running.delete(key);
      });
    const entry: Running<V> = { answer, abort, waiting: 0 };
    running.set(key, entry);
    return entry;
  };

  return {
    through: async (key, signal, run) => {
      const hit = stored?.get(key);
      const shared = running.get(key);
      cacheLookups.inc({ result: hit ? 'hit' : shared ? 'shared' : 'miss' });
      if (hit) return hit;
      const entry = shared ?? begin(key, run);
      entry.waiting += 1;
      try {
        return await unlessAborted(entry.answer, signal);
      } finally {
        entry.waiting -= 1;
        if (entry.waiting === 0 && running.get(key) === entry) {
          // Nobody waits any more: whoever asks next starts anew instead of waiting for what was given up.
          running.delete(key);
          entry.abort.abort();
        }
      }
    },
  };
}

function unlessAborted<V>(answer: Promise<V>, signal: AbortSignal): Promise<V> {
  return new Promise((resolve, reject) => {
    const aborted = (): void => reject(new DOMException('The caller is gone.', 'AbortError'));
    if (signal.aborted) aborted();
    signal.addEventListener('abort', aborted, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted));
  });
}
