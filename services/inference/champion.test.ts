import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { background } from '../../lib/call.js';
import type { Fault } from '../../lib/errors.js';
import { openBundle } from './bundle.js';
import { type Champion, openChampion } from './champion.js';
import { loadBundle } from './loadBundle.js';
import { openRegistry, type Registry } from './registry.js';
import { writeTinyBundle } from './tinyBundle.fixture.js';

const limits = { defaultLabelSpace: 'support', workers: 1, maxQueued: 10, maxBatch: 1 };
const never = background({ tenant: 'operators', timeoutMs: 600_000 });

let work: string;
let shipped: string;
let registry: Registry;
let replicas: Champion[] = [];
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'replymesh-champion-'));
  shipped = await writeTinyBundle(join(work, 'shipped'));
  registry = await openRegistry({ folder: join(work, 'models'), shipped });
});
afterEach(async () => {
  for (const replica of replicas) await replica.close();
  replicas = [];
  await rm(work, { recursive: true });
});

/** A replica of the inference service, as far as bundles go. */
async function replica(): Promise<Champion> {
  const own = await openRegistry({ folder: join(work, 'models'), shipped });
  const champion = await openChampion({ registry: own, load: (dir) => loadBundle(dir, limits), pollMs: 50 });
  replicas.push(champion);
  return champion;
}
async function added(version: string): Promise<string> {
  const bundle = await openBundle(await writeTinyBundle(join(work, version), { version }), 'support');
  await registry.add(bundle);
  return bundle.digest;
}
const reasonOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'done',
    (error: unknown) => (error as Fault).reason,
  );

describe('two replicas that share a models folder', () => {
  it('lose neither of two promotions that come at once, and end on the same champion', async () => {
    const [one, two] = [await replica(), await replica()];
    const [second, third] = [await added('2.0.0'), await added('3.0.0')];
    await Promise.all([one.promote(second, never), two.promote(third, never)]);
    const { champion, history } = await registry.aliases();
    expect([...history, champion].sort()).toEqual([registry.shippedDigest, second, third].sort());
    await expect.poll(() => replicas.map((r) => r.serving.bundle.digest), { timeout: 30_000 }).toEqual([champion, champion]);
  });

  it('go back two champions when both are told to go back at once', async () => {
    const [one, two] = [await replica(), await replica()];
    for (const version of ['2.0.0', '3.0.0']) await one.promote(await added(version), never);
    await Promise.all([one.rollBack(never), two.rollBack(never)]);
    const { changes, ...names } = await registry.aliases();
    expect(names).toEqual({ champion: registry.shippedDigest, history: [] });
    expect(changes?.map(({ kind, tenant }) => [kind, tenant])).toEqual([
      ['promoted', 'operators'],
      ['promoted', 'operators'],
      ['rolled back', 'operators'],
      ['rolled back', 'operators'],
    ]);
    const shippedTwice = [registry.shippedDigest, registry.shippedDigest];
    await expect.poll(() => replicas.map((r) => r.serving.bundle.digest), { timeout: 30_000 }).toEqual(shippedTwice);
  });

  it('do not both go back where there is one champion to go back to', async () => {
    const [one, two] = [await replica(), await replica()];
    await one.promote(await added('2.0.0'), never);
    const ends = await Promise.all([reasonOf(one.rollBack(never)), reasonOf(two.rollBack(never))]);
    expect(ends.sort()).toEqual(['NO_EARLIER_BUNDLE', 'done']);
    expect((await registry.aliases()).champion).toBe(registry.shippedDigest);
  });
});
