import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lockFolder } from './folderLock.js';
import { lockOf, removeLeftRows, rowsOf } from './retrainingFolder.js';

let models: string;
beforeEach(async () => {
  models = await mkdtemp(join(tmpdir(), 'retraining-'));
});
afterEach(() => rm(models, { recursive: true }));
/** As a retraining leaves it that was killed. */
const left = async (): Promise<void> => {
  for (const space of ['support', 'own']) {
    await mkdir(join(rowsOf(models), space), { recursive: true });
    await writeFile(join(rowsOf(models), space, 'train.csv'), 'text,label\n');
  }
  await writeFile(join(rowsOf(models), 'digest.json'), '{}');
};

it('rows that a killed retraining has left go, of every space, and what says of which bundle they were stays', async () => {
  await left();
  await writeFile(lockOf(models), '4194999 of-a-boot-before:1\n');
  await removeLeftRows(models);
  expect([await readdir(models), await readdir(rowsOf(models))]).toEqual([['retraining'], ['digest.json']]);
});

it('rows of a retraining that runs stay', async () => {
  await left();
  const lock = lockFolder(lockOf(models), process.pid);
  await removeLeftRows(models);
  expect((await readdir(rowsOf(models))).sort()).toEqual(['digest.json', 'own', 'support']);
  lock.release();
});

it('a models folder in which nobody has trained anew, or none, is left alone', async () => {
  await removeLeftRows(models);
  await removeLeftRows(join(models, 'none'));
  expect(await readdir(models)).toEqual([]);
});
