import { Redis } from 'ioredis';
import { Counter } from 'prom-client';
import { newBreaker } from '../../lib/breaker.js';
import { log } from '../../lib/log.js';
import { registry } from '../../lib/metrics.js';

/** ioredis waits about 71 s for a dead server by default; what is kept there is worth only what it saves. */
const COMMAND_TIMEOUT_MS = 200;
const CONNECT_TIMEOUT_MS = 2000;
const MAX_RECONNECT_DELAY_MS = 1000;

const failures = new Counter({
  name: 'context_cache_failures_total',
  help: 'Commands that Redis did not answer; the database answered instead.',
  registers: [registry],
});

/** Redis behind a breaker: when it is away or silent, work goes on without it at once. */
export interface RedisConnection {
  /** Undefined when Redis did not answer. */
  attempt<T>(command: (redis: Redis) => Promise<T>): Promise<T | undefined>;
  close(): Promise<void>;
}

/** @param prefix put before every key, so that several installations share one Redis @param onReturn when it is there again after it was lost, and may hold what it held some time before */
export function connectRedis(url: string, prefix: string, onReturn: () => void = () => {}): RedisConnection {
  const redis = new Redis(url, {
    keyPrefix: prefix,
    commandTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(attempt * 50, MAX_RECONNECT_DELAY_MS),
  });
  let down = false;
  let wasThere = false;
  redis.on('ready', () => {
    down = false;
    if (wasThere) onReturn();
    wasThere = true;
  });
  // Without a listener an error would be thrown; with one for each attempt the log would fill.
  redis.on('error', (error: Error) => {
    if (!down) log.warn({ error }, 'Redis does not answer: going on without it');
    down = true;
  });
  const breaker = newBreaker('redis', () => false);
  return {
    attempt: async <T>(command: (redis: Redis) => Promise<T>): Promise<T | undefined> => {
      try {
        return (await breaker.fire(() => command(redis))) as T;
      } catch {
        failures.inc();
        return undefined;
      }
    },
    close: async () => redis.disconnect(),
  };
}
