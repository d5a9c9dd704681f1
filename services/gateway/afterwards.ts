import type { Closable } from '../../lib/shutdown.js';

/** Work that goes on when nobody waits for it any more: its caller has left, or has its answer. The process ends after it. */
export interface Afterwards extends Closable {
  /** @param cutShort ends the work early, when the process cannot wait for it */
  add(work: Promise<unknown>, cutShort?: () => void): void;
}

/** How long the end of the process waits before it cuts short. */
const GRACE_MS = 2000;

export function afterwards(): Afterwards {
  const pending = new Map<Promise<unknown>, () => void>();
  return {
    add: (work, cutShort = () => {}) => {
      const settled = work
        .catch(() => {
          // Whoever asked for the work hears of its failure; here it only matters that it is over.
        })
        .finally(() => pending.delete(settled));
      pending.set(settled, cutShort);
    },
    closeMs: GRACE_MS,
    close: async () => {
      const grace = setTimeout(() => {
        for (const cutShort of pending.values()) cutShort();
      }, GRACE_MS);
      // What ends may leave more to do.
      while (pending.size > 0) await Promise.all(pending.keys());
      clearTimeout(grace);
    },
  };
}
