import type { Cache, CacheOptions } from './cache.js';
import { connectRedis } from './redis.js';

/** A cache in Redis, which knows nothing while that is away. */
export function openRedisCache(url: string, options: Pick<CacheOptions, 'ttlMs' | 'prefix'>): Cache {
  const { attempt, close } = connectRedis(url, options.prefix);
  return {
    get: async (key) => (await attempt((redis) => redis.getBuffer(key))) ?? undefined,
    set: async (key, value) => void (await attempt((redis) => redis.set(key, Buffer.from(value), 'PX', options.ttlMs))),
    forget: async (keys) => {
      if (keys.length > 0) await attempt((redis) => redis.del(...keys));
    },
    close,
  };
}
