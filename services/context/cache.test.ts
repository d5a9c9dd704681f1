import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { type Cache, openCache } from './cache.js';
import { removeKeys, until } from './context.fixture.js';
import { tcpProxy } from './tcpProxy.fixture.js';

const redisUrl = process.env['REDIS_URL'];
const prefix = `test:${randomUUID()}:`;
const opened: Cache[] = [];
afterEach(async () => {
  for (const cache of opened.splice(0)) await cache.close();
  if (redisUrl) await removeKeys(redisUrl, prefix);
});
const open = (options: { enabled?: boolean; redisUrl?: string | undefined; ttlMs?: number; prefix?: string }): Cache => {
  const cache = openCache({ enabled: true, redisUrl: undefined, ttlMs: 60_000, prefix: `${prefix}${randomUUID()}:`, ...options });
  opened.push(cache);
  return cache;
};
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const kinds: [string, { redisUrl?: string }][] = [
  ['in the process', {}],
  ...(redisUrl ? [['in Redis', { redisUrl }] as [string, { redisUrl: string }]] : []),
];

describe.each(kinds)('the cache %s', (_, kind) => {
  /** Redis knows nothing until it is connected. */
  const ready = async (cache: Cache): Promise<Cache> => {
    await until(async () => {
      await cache.set('ready', bytes('yes'));
      return (await cache.get('ready')) !== undefined;
    });
    return cache;
  };

  it('gives back every byte that was put in, until it is told to forget', async () => {
    const cache = await ready(open(kind));
    const value = Uint8Array.from({ length: 256 }, (_, i) => i);
    await cache.set('k', value);
    expect([...((await cache.get('k')) ?? [])]).toEqual([...value]);
    await cache.forget(['k', 'never there']);
    expect(await cache.get('k')).toBeUndefined();
    await cache.forget([]);
  });

  it('forgets by itself after its time', async () => {
    const cache = open({ ...kind, ttlMs: 300 });
    await ready(cache);
    await until(async () => (await cache.get('ready')) === undefined);
  });

  it('keeps installations with different prefixes apart', async () => {
    const [one, other] = [await ready(open(kind)), await ready(open(kind))];
    await one.set('k', bytes('one'));
    expect(await other.get('k')).toBeUndefined();
  });
});

describe('a cache that is switched off', () => {
  it('knows nothing', async () => {
    const cache = open({ enabled: false, ...(redisUrl ? { redisUrl } : {}) });
    await cache.set('k', bytes('v'));
    expect(await cache.get('k')).toBeUndefined();
  });
});

describe.runIf(redisUrl)('a Redis that still holds what is to be forgotten', () => {
  const TTL_MS = 4000;
  /** Two caches of one installation, of which one reaches Redis through a proxy. */
  const two = async () => {
    const { hostname, port } = new URL(redisUrl ?? '');
    const proxy = await tcpProxy({ host: hostname, port: Number(port) || 6379 });
    const own = { prefix: `${prefix}${randomUUID()}:`, ttlMs: TTL_MS };
    const cache = open({ redisUrl: `redis://127.0.0.1:${proxy.port}`, ...own });
    const other = open({ redisUrl: redisUrl ?? '', ...own });
    await until(async () => {
      await Promise.all([cache.set('ready', bytes('yes')), other.set('too', bytes('yes'))]);
      return (await cache.get('ready')) !== undefined && (await other.get('too')) !== undefined;
    });
    return { proxy, cache, other };
  };
  const textOf = async (cache: Cache) => Buffer.from((await cache.get('k')) ?? []).toString();

  it.each(['was silent', 'came back with what was there before'])('since it %s, is not believed until that is over', async (how) => {
    const { proxy, cache, other } = await two();
    const answers = () =>
      until(async () => {
        await other.set('told', bytes('yes'));
        await cache.forget(['told']);
        return (await other.get('told')) === undefined;
      });
    await answers();
    proxy.state.silent = how === 'was silent';
    await cache.forget(['k']);
    proxy.state.silent = false;
    proxy.cut();
    await answers();
    await other.set('k', bytes('old'));
    await cache.set('k', bytes('of a slower reader'));
    expect([await textOf(cache), await textOf(other)]).toEqual(['', 'old']);
    await until(async () => {
      await cache.set('k', bytes('new'));
      return (await textOf(cache)) === 'new';
    });
    await proxy.close();
  });
});
