import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeDataDir } from './dataDir.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'data-dir-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the data folder', () => {
  it('is made with all folders above it, and may be there already', async () => {
    await makeDataDir(join(folder, 'a', 'b'));
    await makeDataDir(join(folder, 'a', 'b'));
    expect(await readdir(join(folder, 'a'))).toEqual(['b']);
  });

  it('is open to its owner alone', async () => {
    await makeDataDir(join(folder, 'own'));
    expect((await stat(join(folder, 'own'))).mode & 0o777).toBe(0o700);
  });

  it.each([
    ['below a file', () => join(folder, 'file', 'data')],
    ['where nothing can be made', () => '/proc/replymesh/data'],
  ])('%s is refused with the variable to set', async (_, path) => {
    await writeFile(join(folder, 'file'), '');
    await expect(makeDataDir(path())).rejects.toThrow(/REPLYMESH_DATA_DIR/);
  });
});
