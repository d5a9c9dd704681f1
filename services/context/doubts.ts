import { LRUCache } from 'lru-cache';

/** Keys of which something elsewhere may be out of date, each for a time. */
export interface Doubts {
  add(keys: readonly string[]): void;
  addAll(): void;
  about(key: string): boolean;
}

/** @param ttlMs how long each is doubted, milliseconds @param most keys that are remembered; beyond that all are doubted for the same time */
export function doubts(ttlMs: number, most: number, now: () => number = Date.now): Doubts {
  let allUntil = Number.NEGATIVE_INFINITY;
  const addAll = (): void => {
    allUntil = now() + ttlMs;
  };
  const keys = new LRUCache<string, true>({
    max: most,
    ttl: ttlMs,
    ttlResolution: 0,
    perf: { now },
    dispose: (_, __, reason) => {
      if (reason === 'evict') addAll();
    },
  });
  return {
    addAll,
    add: (list) => list.forEach((key) => void keys.set(key, true)),
    about: (key) => now() < allUntil || keys.has(key),
  };
}
