import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { StartError } from '../lib/errors.js';

/** Makes the data folder where there is none, for its owner alone: customers' words are kept in it. @throws StartError when it cannot be written */
export async function makeDataDir(dataDir: string): Promise<void> {
  try {
    await makeFolder(resolve(dataDir));
    await access(dataDir, constants.W_OK | constants.X_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new StartError(`The data folder ${dataDir} cannot be written (${code}). Set REPLYMESH_DATA_DIR to a folder that can.`);
  }
}

/** Step by step from the top: Node's own recursive mkdir tries for ever where a file system says that a folder is not there after making it (/proc). */
async function makeFolder(folder: string): Promise<void> {
  const parent = dirname(folder);
  if (parent !== folder) await access(parent).catch(() => makeFolder(parent));
  await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}
