import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { noHistory } from './behaviour.js';
import { removeKeys, until } from './context.fixture.js';
import { featureStore, type Kept } from './featureStore.js';
import { openEntries, type VersionedEntries } from './versionedEntries.js';

const redisUrl = process.env['REDIS_URL'];
const prefix = `test:${randomUUID()}:`;
const opened: VersionedEntries[] = [];
afterEach(async () => {
  for (const entries of opened.splice(0)) await entries.close();
  if (redisUrl) await removeKeys(redisUrl, prefix);
});
/** Redis knows nothing until it is connected. */
async function open(kind: { redisUrl?: string }): Promise<VersionedEntries> {
  const entries = openEntries({ enabled: true, redisUrl: kind.redisUrl, prefix: `${prefix}${randomUUID()}:` });
  opened.push(entries);
  await until(async () => {
    await entries.put([{ key: 'ready', version: 1, value: 'yes', ttlMs: 60_000 }]);
    return (await entries.get(['ready']))[0] !== undefined;
  });
  return entries;
}
const NOW = new Date('2026-11-24T12:00:00Z');
const over = (entries: VersionedEntries, definition?: number) =>
  featureStore({ entries, ttlMs: 60_000, cacheTtlMs: 5000, now: () => NOW, ...(definition === undefined ? {} : { definition }) });
const kept = (version: number, total = version): Kept => ({ version, countedAtMs: NOW.getTime(), history: { ...noHistory, total } });
const kinds: [string, { redisUrl?: string }][] = [
  ['in the process', {}],
  ...(redisUrl ? [['in Redis', { redisUrl }] as [string, { redisUrl: string }]] : []),
];

describe.each(kinds)('features that are kept %s', (_, kind) => {
  it('are the newest of those that were kept, in whatever order and however much at once they come', async () => {
    const entries = await open(kind);
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.integer({ min: 1, max: 2 ** 50 }), { minLength: 1, maxLength: 12 }),
        fc.uuid(),
        async (versions, id) => {
          const features = over(entries);
          await Promise.all(versions.map((version) => features.keep('t', id, kept(version))));
          expect((await features.read('t', id))?.version).toBe(Math.max(...versions));
        },
      ),
      { numRuns: 30 },
    );
  });

  it('are carried on from the version before alone', async () => {
    const features = over(await open(kind));
    const follow = (from: number | null, to: number) =>
      features.follow('t', [{ customerId: 'c', from, to, apply: (history) => ({ ...history, total: history.total + 1 }) }]);
    await follow(null, 1);
    expect(await features.read('t', 'c')).toBeUndefined();
    await features.keep('t', 'c', kept(1));
    await follow(1, 2);
    await follow(3, 4);
    await follow(1, 3);
    expect(await features.read('t', 'c')).toEqual(kept(2));
  });

  it('of several customers are carried on at once, each from its own version', async () => {
    const features = over(await open(kind));
    for (const [customerId, version] of [
      ['a', 1],
      ['b', 5],
      ['c', 7],
    ] as const)
      await features.keep('t', customerId, kept(version));
    const change = (customerId: string, from: number | null, to: number) => ({
      customerId,
      from,
      to,
      apply: (history: Kept['history']) => ({ ...history, total: to }),
    });
    await features.follow('t', [change('new', null, 1), change('a', 1, 2), change('gone', 3, 4), change('b', 4, 6), change('c', 7, 8)]);
    expect(await Promise.all(['new', 'a', 'gone', 'b', 'c'].map((id) => features.read('t', id)))).toEqual([
      undefined,
      kept(2),
      undefined,
      kept(5),
      kept(8),
    ]);
  });

  it('of another definition, tenant or customer are nobody’s to read', async () => {
    const entries = await open(kind);
    await over(entries, 1).keep('t', 'c', kept(1));
    expect(await over(entries, 1).read('t', 'c')).toEqual(kept(1));
    for (const [definition, tenant, customer] of [
      [2, 't', 'c'],
      [1, 'u', 'c'],
      [1, 't', 'd'],
    ] as const)
      expect(await over(entries, definition).read(tenant, customer)).toBeUndefined();
  });

  it('are gone when they are forgotten, and a reader that was slower does not put them back', async () => {
    const features = over(await open(kind));
    await features.keep('t', 'c', kept(1));
    expect(await features.forget('t', 'c')).toBe(1);
    await features.keep('t', 'c', kept(2));
    await features.follow('t', [{ customerId: 'c', from: 1, to: 2, apply: (history) => history }]);
    expect([await features.read('t', 'c'), await features.forget('t', 'c')]).toMatchObject([
      { version: Number.MAX_SAFE_INTEGER, history: noHistory },
      0,
    ]);
  });

  it('go by themselves after their time', async () => {
    const entries = await open(kind);
    await entries.put([{ key: 'k', version: 1, value: 'v', ttlMs: 300 }]);
    await until(async () => (await entries.get(['k']))[0] === undefined);
  });
});

describe('features', () => {
  it('live for their time from when they were counted, however often they are carried on', async () => {
    const times: number[] = [];
    const entries = await open({});
    const clock = { now: NOW };
    const put: VersionedEntries['put'] = (list) => {
      times.push(...list.map(({ ttlMs }) => ttlMs));
      return entries.put(list);
    };
    const features = featureStore({ entries: { ...entries, put }, ttlMs: 60_000, cacheTtlMs: 5000, now: () => clock.now });
    await features.keep('t', 'c', kept(1));
    for (const [afterMs, version] of [
      [20_000, 2],
      [59_000, 3],
      [60_000, 4],
    ] as const) {
      clock.now = new Date(NOW.getTime() + afterMs);
      await features.follow('t', [{ customerId: 'c', from: version - 1, to: version, apply: (history) => history }]);
    }
    expect([times, (await features.read('t', 'c'))?.version]).toEqual([[60_000, 40_000, 1000], 3]);
  });

  it('that nobody can read are counted anew', async () => {
    const entries = await open({});
    await entries.put([{ key: 'features:1:1:t:c', version: 1, value: '{', ttlMs: 60_000 }]);
    expect(await over(entries).read('t', 'c')).toBeUndefined();
  });

  it('are kept nowhere when that is switched off', async () => {
    const entries = openEntries({ enabled: false, redisUrl, prefix });
    await over(entries).keep('t', 'c', kept(1));
    expect(await over(entries).read('t', 'c')).toBeUndefined();
  });
});
