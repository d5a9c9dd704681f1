import { afterEach, describe, expect, it } from 'vitest';
import { scratchDatabase } from './context.fixture.js';
import { contextProcess, expectAllOnce, featuresSent, featuresTold, startWriters } from './killedWrites.fixture.js';
import { has, ownPostgres, ownRedis } from './ownServers.fixture.js';

/** REPLYMESH_KILL_WRITES=10000 takes the number; the default is what leaves the suite short on a busy machine. */
const WRITES = Number(process.env['REPLYMESH_KILL_WRITES'] ?? 3000);
/** One connection, in a process that starts more slowly. */
const EMBEDDED_WRITES = Math.ceil(WRITES / 5);
const missing = Object.entries(has).flatMap(([server, isThere]) => (isThere ? [] : [server]));
if (missing.length > 0)
  console.warn(`Left out, because the programs are not installed: what happens when ${missing.join(' and ')} is killed.`);
const LIMIT_MS = 180_000;

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
const closing = <T extends { close(): Promise<void> }>(part: T): T => {
  closers.push(() => part.close());
  return part;
};

const stores: [string, number, () => Promise<Record<string, string>>][] = [['PGlite', EMBEDDED_WRITES, async () => ({})]];
if (process.env['DATABASE_URL'])
  stores.push([
    'Postgres and Redis',
    WRITES,
    async () => ({
      DATABASE_URL: closing(await scratchDatabase()).url,
      ...(process.env['REDIS_URL'] ? { REDIS_URL: process.env['REDIS_URL'] } : {}),
    }),
  ]);

describe.each(stores)('context on %s, killed again and again while decisions are written', (_, count, env) => {
  it(
    'has every acknowledged one once, with its event, its line of history and its audit record, and its features are a recount',
    async () => {
      const context = closing(await contextProcess(await env()));
      const writers = startWriters(context, count);
      for (const share of [0.3, 0.6]) {
        await writers.reached(share);
        await context.kill();
        context.start();
      }
      await writers.done;
      expect(writers.state.failures).toBeGreaterThan(0);
      expect(await featuresTold(context, writers)).toEqual(featuresSent(count));
      await context.kill();
      const store = closing(await context.openStore());
      await expectAllOnce(store, writers);
    },
    LIMIT_MS,
  );
});

describe.runIf(has.postgres)('Postgres, killed again and again while decisions are written', () => {
  it(
    'has every acknowledged one once when it is back, and context goes on by itself',
    async () => {
      const postgres = closing(await ownPostgres());
      const context = closing(await contextProcess({ DATABASE_URL: postgres.url }));
      const writers = startWriters(context, WRITES);
      await writers.reached(0.1);
      const pid = context.pid();
      for (const share of [0.3, 0.6]) {
        await writers.reached(share);
        await postgres.kill();
        await postgres.start();
      }
      await writers.done;
      expect(writers.state.failures).toBeGreaterThan(0);
      expect([context.pid(), context.isRunning()]).toEqual([pid, true]);
      expect(await featuresTold(context, writers)).toEqual(featuresSent(WRITES));
      await context.kill();
      const store = closing(await context.openStore());
      await expectAllOnce(store, writers);
    },
    LIMIT_MS,
  );
});

describe.runIf(has.redis)('Redis, killed while decisions are written', () => {
  it(
    'fails no write, and nobody reads what it still holds from before when it is back',
    async () => {
      const redis = closing(await ownRedis());
      const database: Record<string, string> = process.env['DATABASE_URL'] ? { DATABASE_URL: closing(await scratchDatabase()).url } : {};
      const context = closing(await contextProcess({ ...database, REDIS_URL: redis.url }));
      const writers = startWriters(context, EMBEDDED_WRITES);
      await writers.reached(0.2);
      const { failures } = writers.state;
      await featuresTold(context, writers);
      await redis.save();
      await writers.reached(0.5);
      await redis.kill();
      await writers.reached(0.7);
      await redis.start();
      await writers.done;
      expect(writers.state.failures).toBe(failures);
      expect(await featuresTold(context, writers)).toEqual(featuresSent(EMBEDDED_WRITES));
      await redis.kill();
      expect(await featuresTold(context, writers)).toEqual(featuresSent(EMBEDDED_WRITES));
      await redis.start();
      expect(await featuresTold(context, writers)).toEqual(featuresSent(EMBEDDED_WRITES));
      await context.kill();
      const store = closing(await context.openStore());
      await expectAllOnce(store, writers);
    },
    LIMIT_MS,
  );
});
