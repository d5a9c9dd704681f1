import { resolve } from 'node:path';
import type { Environment } from '../lib/config.js';
import { CommandFailed } from './failure.js';
import { writeTrainingFiles } from './trainingFiles.js';
import { type Asked, readLabelled, toldOf } from './trainingRows.js';

/** Writes what people labelled as files that `train` reads, and prints their folder. */
export async function exportTraining({ out, ...asked }: Asked & { readonly out: string }, env: Environment): Promise<number> {
  const labelled = await readLabelled(asked, env);
  const folder = resolve(out);
  await writeTrainingFiles(folder, asked, labelled, new Date()).catch((error: NodeJS.ErrnoException) => {
    throw new CommandFailed(`${folder} cannot be written (${error.code}). Name a folder that can.`);
  });
  process.stdout.write(`${folder}\n`);
  process.stderr.write(toldOf(labelled));
  return 0;
}
