import { Redis } from 'ioredis';
import { Counter } from 'prom-client';
import { newBreaker } from '../../lib/breaker.js';
import { log } from '../../lib/log.js';
import { registry } from '../../lib/metrics.js';
import type { Cache, CacheOptions } from './cache.js';

/** ioredis waits about 71 s for a dead server by default; a cache is worth only what it saves. */
const COMMAND_TIMEOUT_MS = 200;
const CONNECT_TIMEOUT_MS = 2000;
const MAX_RECONNECT_DELAY_MS = 1000;

const misses = new Counter({
  name: 'context_cache_failures_total',
  help: 'Commands that Redis did not answer; the database answered instead.',
  registers: [registry],
});

/** Redis behind a breaker: when it is away or silent, calls go on without it at once. */
export function openRedisCache(url: string, options: Pick<CacheOptions, 'ttlMs' | 'prefix'>): Cache {
  const redis = new Redis(url, {
    keyPrefix: options.prefix,
    commandTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(attempt * 50, MAX_RECONNECT_DELAY_MS),
  });
  let down = false;
  redis.on('ready', () => {
    down = false;
  });
  // Without a listener an error would be thrown; with one for each attempt the log would fill.
  redis.on('error', (error: Error) => {
    if (!down) log.warn({ error }, 'Redis does not answer: going on without the cache');
    down = true;
  });
  const breaker = newBreaker('redis', () => false);
  const attempt = async <T>(command: () => Promise<T>): Promise<T | undefined> => {
    try {
      return (await breaker.fire(command)) as T;
    } catch {
      misses.inc();
      return undefined;
    }
  };
  return {
    get: async (key) => (await attempt(() => redis.getBuffer(key))) ?? undefined,
    set: async (key, value) => void (await attempt(() => redis.set(key, Buffer.from(value), 'PX', options.ttlMs))),
    forget: async (keys) => {
      if (keys.length > 0) await attempt(() => redis.del(...keys));
    },
    close: async () => redis.disconnect(),
  };
}
