import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { StartError } from './errors.js';
import { lockFolder } from './folderLock.js';

// In the models folder a retraining has messages of customers in `retraining/<space>` while it runs, and leaves `retraining/<digest>.json` without words.

/** Whoever trains anew holds this lock. */
export const lockOf = (models: string): string => join(models, 'retrain.lock');
export const rowsOf = (models: string): string => join(models, 'retraining');
/** The file that says of what a bundle was made: counts and digests. */
export const recordOf = (models: string, digest: string): string => join(rowsOf(models), `${digest}.json`);

const foldersOf = async (models: string): Promise<string[]> =>
  (await readdir(rowsOf(models), { withFileTypes: true }).catch(() => [])).filter((one) => one.isDirectory()).map(({ name }) => name);

/** Removes the rows of every space. The caller holds the lock. */
export async function removeRows(models: string): Promise<void> {
  for (const name of await foldersOf(models)) await rm(join(rowsOf(models), name), { recursive: true, force: true });
}

/** Removes what a retraining that was killed has left: no erasure reaches it. Nothing while one runs. */
export async function removeLeftRows(models: string): Promise<void> {
  if ((await foldersOf(models)).length === 0) return;
  try {
    const lock = lockFolder(lockOf(models), process.pid);
    await removeRows(models).finally(lock.release);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
  }
}
