import { LRUCache } from 'lru-cache';
import { openRedisCache } from './redisCache.js';

/** Bytes by key for a short time. Never fails: a cache that is away knows nothing. */
export interface Cache {
  get(key: string): Promise<Uint8Array | undefined>;
  set(key: string, value: Uint8Array): Promise<void>;
  forget(keys: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

export interface CacheOptions {
  readonly enabled: boolean;
  readonly redisUrl: string | undefined;
  /** How long an entry may be used, milliseconds. */
  readonly ttlMs: number;
  /** Put before every key, so that several installations share one Redis. */
  readonly prefix: string;
}

/** Most entries of the in-process cache; a customer's context takes about 2 kB. */
const MAX_ENTRIES = 10_000;

/** Redis when there is a URL, in-process when not, nothing at all when switched off. */
export function openCache(options: CacheOptions): Cache {
  if (!options.enabled) return noCache;
  return options.redisUrl === undefined ? openLruCache(options.ttlMs) : openRedisCache(options.redisUrl, options);
}

function openLruCache(ttlMs: number): Cache {
  const entries = new LRUCache<string, Uint8Array>({ max: MAX_ENTRIES, ttl: ttlMs });
  return {
    get: async (key) => entries.get(key),
    set: async (key, value) => void entries.set(key, value),
    forget: async (keys) => keys.forEach((key) => void entries.delete(key)),
    close: async () => entries.clear(),
  };
}

const noCache: Cache = {
  get: async () => undefined,
  set: async () => {},
  forget: async () => {},
  close: async () => {},
};
