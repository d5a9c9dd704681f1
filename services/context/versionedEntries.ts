import { LRUCache } from 'lru-cache';
import { connectRedis } from './redis.js';

/** A value and the number that grows with each change of it. */
export interface Versioned {
  readonly version: number;
  readonly value: string;
}

/** Values by key, of which an older one never takes the place of a newer one, in whatever order they come. Never fails: what is away knows nothing. */
export interface VersionedEntries {
  get(key: string): Promise<Versioned | undefined>;
  /** Keeps a value for so long, unless one is there that is as new. */
  put(key: string, entry: Versioned, ttlMs: number): Promise<void>;
  close(): Promise<void>;
}

export interface EntriesOptions {
  readonly enabled: boolean;
  readonly redisUrl: string | undefined;
  /** Put before every key, so that several installations share one Redis. */
  readonly prefix: string;
}

/** Most entries in the process; the features of a customer take some hundred bytes. */
const MAX_ENTRIES = 50_000;

/** In Redis when there is a URL, in the process when not, nowhere when switched off. */
export function openEntries({ enabled, redisUrl, prefix }: EntriesOptions): VersionedEntries {
  if (!enabled) return noEntries;
  return redisUrl === undefined ? entriesInProcess() : entriesInRedis(redisUrl, prefix);
}

function entriesInProcess(): VersionedEntries {
  const entries = new LRUCache<string, Versioned>({ max: MAX_ENTRIES });
  return {
    get: async (key) => entries.get(key),
    put: async (key, entry, ttl) => {
      if ((entries.get(key)?.version ?? -1) < entry.version) entries.set(key, entry, { ttl });
    },
    close: async () => entries.clear(),
  };
}

/** One step for Redis, so that nobody comes between the comparison and the change. Versions stay below 2^53, which Lua's numbers hold. */
const PUT_NEWER = `
local held = redis.call('GET', KEYS[1])
if held and tonumber(string.match(held, '^%d+')) >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'PX', ARGV[3])
return 1`;

function entriesInRedis(url: string, prefix: string): VersionedEntries {
  const { attempt, close } = connectRedis(url, prefix);
  return {
    get: async (key) => {
      const [, version, value] = /^(\d+) (.*)$/s.exec((await attempt((redis) => redis.get(key))) ?? '') ?? [];
      return version === undefined || value === undefined ? undefined : { version: Number(version), value };
    },
    put: async (key, { version, value }, ttlMs) =>
      void (await attempt((redis) => redis.eval(PUT_NEWER, 1, key, version, value, Math.ceil(ttlMs)))),
    close,
  };
}

const noEntries: VersionedEntries = {
  get: async () => undefined,
  put: async () => {},
  close: async () => {},
};
