import { LRUCache } from 'lru-cache';
import { connectRedis } from './redis.js';

/** A value and the number that grows with each change of it. */
export interface Versioned {
  readonly version: number;
  readonly value: string;
}

/** What is to be kept, and for how long. */
export interface Entry extends Versioned {
  readonly key: string;
  readonly ttlMs: number;
}

/** Values by key, of which an older one never takes the place of a newer one, in whatever order they come. Never fails: what is away knows nothing. */
export interface VersionedEntries {
  /** @returns one for each key, in their order */
  get(keys: readonly string[]): Promise<readonly (Versioned | undefined)[]>;
  /** Keeps each value for its time, unless one is there that is as new. */
  put(entries: readonly Entry[]): Promise<void>;
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
    get: async (keys) => keys.map((key) => entries.get(key)),
    put: async (list) => {
      for (const { key, ttlMs: ttl, ...entry } of list)
        if ((entries.get(key)?.version ?? -1) < entry.version) entries.set(key, entry, { ttl });
    },
    close: async () => entries.clear(),
  };
}

/** One step for Redis, so that nobody comes between a comparison and its change. Versions stay below 2^53, which Lua's numbers hold. */
const PUT_NEWER = `
for i, key in ipairs(KEYS) do
  local version, value, ttl = ARGV[3 * i - 2], ARGV[3 * i - 1], ARGV[3 * i]
  local held = redis.call('GET', key)
  if not held or tonumber(string.match(held, '^%d+')) < tonumber(version) then redis.call('SET', key, version .. ' ' .. value, 'PX', ttl) end
end`;

function entriesInRedis(url: string, prefix: string): VersionedEntries {
  const { attempt, close } = connectRedis(url, prefix);
  return {
    get: async (keys) => {
      if (keys.length === 0) return [];
      const held = await attempt((redis) => redis.mget(...keys));
      return keys.map((_, i) => {
        const [, version, value] = /^(\d+) (.*)$/s.exec(held?.[i] ?? '') ?? [];
        return version === undefined || value === undefined ? undefined : { version: Number(version), value };
      });
    },
    put: async (entries) => {
      if (entries.length === 0) return;
      const values = entries.flatMap(({ version, value, ttlMs }) => [version, value, Math.ceil(ttlMs)]);
      await attempt((redis) => redis.eval(PUT_NEWER, entries.length, ...entries.map(({ key }) => key), ...values));
    },
    close,
  };
}

const noEntries: VersionedEntries = {
  get: async (keys) => keys.map(() => undefined),
  put: async () => {},
  close: async () => {},
};
