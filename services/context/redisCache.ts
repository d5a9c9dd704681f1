import type { Cache, CacheOptions } from './cache.js';
import { doubts } from './doubts.js';
import { connectRedis } from './redis.js';

const MOST_DOUBTED = 10_000;

/**
 * A cache in Redis, which knows nothing while that is away. When it comes back it may hold what this process could not tell it to forget, or all of
 * some time before (a snapshot): until that must be over, what stands there is neither believed nor added to.
 */
export function openRedisCache(url: string, options: Pick<CacheOptions, 'ttlMs' | 'prefix'>): Cache {
  const doubted = doubts(options.ttlMs, MOST_DOUBTED);
  const { attempt, close } = connectRedis(url, options.prefix, doubted.addAll);
  return {
    get: async (key) => {
      const held = await attempt((redis) => redis.getBuffer(key));
      return doubted.about(key) ? undefined : (held ?? undefined);
    },
    set: async (key, value) => {
      if (!doubted.about(key)) await attempt((redis) => redis.set(key, Buffer.from(value), 'PX', options.ttlMs));
    },
    forget: async (keys) => {
      if (keys.length > 0 && (await attempt((redis) => redis.del(...keys))) === undefined) doubted.add(keys);
    },
    close,
  };
}
