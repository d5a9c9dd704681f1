import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { challenged, promoted } from './aliases.js';
import { openBundle } from './bundle.js';
import { type Challenger, followChallenger } from './challenger.js';
import { loadBundle } from './loadBundle.js';
import { openRegistry, type Registry } from './registry.js';
import { writeTinyBundle } from './tinyBundle.fixture.js';

const limits = { defaultLabelSpace: 'support', workers: 1, maxQueued: 10, maxBatch: 1 };

let work: string;
let registry: Registry;
let challenger: Challenger | undefined;
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'replymesh-challenger-'));
  registry = await openRegistry({ folder: join(work, 'models'), shipped: await writeTinyBundle(join(work, 'shipped')) });
});
afterEach(async () => {
  await challenger?.close();
  await rm(work, { recursive: true });
});

const follow = (percent: number): Challenger => {
  challenger = followChallenger({ registry, load: (dir) => loadBundle(dir, limits), percent, pollMs: 20 });
  return challenger;
};
/** Adds a bundle and names it challenger. @returns its digest */
async function challenge(version: string): Promise<string> {
  const bundle = await openBundle(await writeTinyBundle(join(work, version), { version }), 'support');
  await registry.add(bundle);
  await registry.changeAliases((aliases) => challenged(aliases, bundle.digest));
  return bundle.digest;
}
const loaded = (): string | undefined => challenger?.loaded?.bundle.digest;

it('is the bundle of that name, whichever that is, until it is the champion', async () => {
  follow(100);
  const second = await challenge('2.0.0');
  await expect.poll(loaded, { timeout: 30_000 }).toBe(second);
  const third = await challenge('3.0.0');
  await expect.poll(loaded, { timeout: 30_000 }).toBe(third);
  await registry.changeAliases((aliases) => promoted(aliases, third));
  await expect.poll(loaded, { timeout: 30_000 }).toBeUndefined();
});

it('that is broken is left alone, and the next one is taken', async () => {
  follow(100);
  const broken = await challenge('2.0.0');
  await writeFile(join(work, 'models', 'bundles', broken, 'heads.onnx'), 'no graph');
  const third = await challenge('3.0.0');
  await expect.poll(loaded, { timeout: 30_000 }).toBe(third);
});

it('is opened by nobody while no message is to be read', async () => {
  let looked = false;
  const watched = {
    aliases: () => {
      looked = true;
      return registry.aliases();
    },
    manifestOf: registry.manifestOf,
  };
  await challenge('2.0.0');
  challenger = followChallenger({ registry: watched, load: (dir) => loadBundle(dir, limits), percent: 0, pollMs: 1 });
  await expect.poll(() => registry.aliases().then(({ challenger: named }) => named)).toBeDefined();
  await challenger.close();
  expect([looked, loaded()]).toEqual([false, undefined]);
});
