import { randomBytes, randomUUID } from 'node:crypto';
import { access, link, mkdir, open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const KEY_BYTES = 32;

/** The embedded default's own key for what customers wrote: made once in `dataDir`, readable by its owner alone. @returns its file */
export async function openContentKey(dataDir: string): Promise<string> {
  const folder = join(dataDir, 'keys');
  const file = join(folder, 'content.key');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await access(file).catch(() => makeKey(folder, file));
  return file;
}

/** On disk before anything is encrypted with it, and never in the place of one that is there. */
async function makeKey(folder: string, file: string): Promise<void> {
  const part = `${file}.${randomUUID()}`;
  await writeFile(part, `${randomBytes(KEY_BYTES).toString('base64')}\n`, { mode: 0o600, flush: true });
  await link(part, file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await rm(part);
  const entries = await open(folder, 'r');
  await entries.sync().finally(() => entries.close());
}
