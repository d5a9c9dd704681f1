import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Fault } from '../../lib/errors.js';
import { openBundle } from './bundle.js';
import { type LoadedBundle, loadBundle } from './loadBundle.js';
import { openRegistry, type Registry } from './registry.js';
import { openShelf, type Shelf } from './shelf.js';
import { writeTinyBundle } from './tinyBundle.fixture.js';

const limits = { defaultLabelSpace: 'support', workers: 1, maxQueued: 10, maxBatch: 1 };
const never = new AbortController().signal;

let work: string;
let registry: Registry;
let shelf: Shelf;
let loaded: LoadedBundle[];
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'replymesh-shelf-'));
  registry = await openRegistry({ folder: join(work, 'models'), shipped: await writeTinyBundle(join(work, 'shipped')) });
  loaded = [];
  shelf = openShelf({ registry, load, idleMs: 200 });
});
afterEach(async () => {
  await shelf.close();
  await rm(work, { recursive: true });
});
async function load(dir: string): Promise<LoadedBundle> {
  const one = await loadBundle(dir, limits);
  loaded.push(one);
  return one;
}
async function added(version: string): Promise<string> {
  const bundle = await openBundle(await writeTinyBundle(join(work, version), { version }), 'support');
  await registry.add(bundle);
  return bundle.digest;
}
const digestOf = async ({ bundle }: LoadedBundle): Promise<string> => bundle.digest;
const alive = (): number[] => loaded.map(({ workers }) => workers.alive);

describe('a bundle that is not served', () => {
  it('is opened once for all who ask for it, and closed when nobody has asked for a while', async () => {
    const second = await added('2.0.0');
    const digests = await Promise.all(Array.from({ length: 5 }, () => shelf.use(second, never, digestOf)));
    expect([new Set(digests), loaded.length]).toEqual([new Set([second]), 1]);
    await expect.poll(alive, { timeout: 10_000 }).toEqual([0]);
    expect(await shelf.use(second, never, digestOf)).toBe(second);
    expect(loaded).toHaveLength(2);
  });

  it('gives way to another one only when those who work with it are done', async () => {
    const [second, third] = [await added('2.0.0'), await added('3.0.0')];
    let finish: (() => void) | undefined;
    const first = shelf.use(second, never, async ({ workers }) => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return workers.alive;
    });
    await expect.poll(() => finish !== undefined, { timeout: 10_000 }).toBe(true);
    const next = shelf.use(third, never, digestOf);
    finish!();
    expect([await first, await next]).toEqual([1, third]);
    expect(loaded).toHaveLength(2);
    await expect.poll(() => alive()[0], { timeout: 10_000 }).toBe(0);
  });

  it('is refused when the models folder does not have it, and what fails with it is the caller’s', async () => {
    const reasonOf = (call: Promise<unknown>) => call.catch((error: unknown) => (error as Fault).reason ?? (error as Error).message);
    expect(await reasonOf(shelf.use('f'.repeat(64), never, digestOf))).toBe('BUNDLE_UNKNOWN');
    const second = await added('2.0.0');
    expect(await reasonOf(shelf.use(second, never, () => Promise.reject(new Error('a bug'))))).toBe('a bug');
    expect(await shelf.use(second, never, digestOf)).toBe(second);
    expect(loaded).toHaveLength(1);
  });
});
