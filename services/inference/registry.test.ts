import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StartError } from '../../lib/errors.js';
import { type Aliases, promoted } from './aliases.js';
import { openBundle } from './bundle.js';
import { SHIPPED } from './inference.fixture.js';
import { openRegistry, type Registry } from './registry.js';

let folder: string;
let registry: Registry;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'replymesh-models-'));
  registry = await openRegistry({ folder, shipped: SHIPPED });
});
afterEach(() => rm(folder, { recursive: true }));

const digest = (n: number): string => n.toString(16).padStart(64, '0');

describe('the models folder', () => {
  it('that is empty has the shipped bundle for its champion', async () => {
    const shipped = registry.shippedDigest;
    expect(await registry.aliases()).toEqual({ champion: shipped, history: [] });
    expect(await registry.digests()).toEqual([shipped]);
    expect(await registry.folderOf(shipped)).toBe(SHIPPED);
    expect(await registry.folderOf(digest(1))).toBeUndefined();
  });

  it('is never seen with half a file of names, however often that is replaced', async () => {
    const written: Aliases[] = Array.from({ length: 40 }, (_, n) => ({
      champion: digest(n),
      history: Array.from({ length: n }, (_, i) => digest(i)),
    }));
    let writing = true;
    const reading = (async () => {
      // A damaged file would throw.
      for (const other = await openRegistry({ folder, shipped: SHIPPED }); writing; ) {
        const { champion, history } = await other.aliases();
        expect(champion === registry.shippedDigest || champion === digest(history.length)).toBe(true);
      }
    })();
    for (const aliases of written) await registry.changeAliases(() => aliases);
    writing = false;
    await reading;
    expect(await registry.aliases()).toEqual(written.at(-1));
    expect(await readdir(folder)).toEqual(['aliases.json']);
  });

  it('loses no change of names when several processes change them at once', async () => {
    const others = await Promise.all(Array.from({ length: 3 }, () => openRegistry({ folder, shipped: SHIPPED })));
    const digests = Array.from({ length: 60 }, (_, n) => digest(n));
    await Promise.all(
      others.map(async (other, mine) => {
        for (const one of digests.filter((_, n) => n % others.length === mine)) await other.changeAliases((now) => promoted(now, one));
      }),
    );
    const { champion, history } = await registry.aliases();
    expect([...history, champion].sort()).toEqual([...digests, registry.shippedDigest].sort());
    expect(await readdir(folder)).toEqual(['aliases.json']);
  });

  it('stays as it is when a change gives nothing', async () => {
    expect(await registry.changeAliases(() => undefined)).toBeUndefined();
    expect(await readdir(folder)).toEqual([]);
  });

  it('refuses a damaged file of names, and says what is wrong and what to do', async () => {
    for (const text of ['{"champion":', 'champion', '[]', '{"champion":"latest"}']) {
      await writeFile(join(folder, 'aliases.json'), text);
      await expect(registry.aliases()).rejects.toThrow(/^Models folder .*: aliases\.json is damaged: .+\. Correct it, or remove it/);
      await expect(registry.aliases()).rejects.toThrow(StartError);
    }
  });

  it('says so when the file of names can be neither read nor written', async () => {
    await mkdir(join(folder, 'aliases.json'));
    await expect(registry.aliases()).rejects.toThrow(/aliases\.json cannot be read \(EISDIR\)/);
    await expect(registry.changeAliases(() => ({ champion: digest(1), history: [] }))).rejects.toThrow(/aliases\.json cannot be read/);
  });

  it('takes a bundle once, whole, and without what lies beside it', async () => {
    const source = join(folder, 'source');
    await cp(SHIPPED, source, { recursive: true });
    await writeFile(join(source, 'notes.txt'), 'not part of it');
    const bundle = await openBundle(source, 'support');
    await registry.add(bundle);
    const added = (await registry.folderOf(bundle.digest))!;
    expect(added).toBe(join(folder, 'bundles', bundle.digest));
    expect((await openBundle(added, 'support')).digest).toBe(bundle.digest);
    expect(await readdir(added)).not.toContain('notes.txt');
    expect(await readdir(join(folder, 'bundles'))).toEqual([bundle.digest]);
  });

  it('mends a damaged bundle when it is added again', async () => {
    const bundle = await openBundle(SHIPPED, 'support');
    await registry.add(bundle);
    const card = join(folder, 'bundles', bundle.digest, 'MODEL_CARD.md');
    await writeFile(card, 'damaged');
    await registry.add(bundle);
    expect(await readFile(card)).toEqual(await readFile(join(SHIPPED, 'MODEL_CARD.md')));
  });

  it('does not take a bundle for another because of its folder’s name', async () => {
    await mkdir(join(folder, 'bundles'));
    await cp(SHIPPED, join(folder, 'bundles', digest(7)), { recursive: true });
    await expect(registry.manifestOf(digest(7))).rejects.toThrow(/manifest\.json: its SHA-256 is .* the folder is named/);
  });
});
