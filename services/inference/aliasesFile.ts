import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StartError } from '../../lib/errors.js';
import { type Aliases, parseAliases } from './aliases.js';
import { type FileLock, LockLost, underLock } from './fileLock.js';

/** `aliases.json` of a models folder, which several processes may share. It is replaced as a whole. */
export interface AliasesFile {
  /** `unsaid` while there is no such file. @throws AliasesUnusable */
  read(): Promise<Aliases>;
  /**
   * Changes what is written. `edit` gets what is written at this moment, and nobody else changes it meanwhile.
   * @returns what is written then; undefined when `edit` gave nothing, and nothing has changed. @throws AliasesUnusable
   */
  change(edit: (current: Aliases) => Aliases | undefined): Promise<Aliases | undefined>;
}

const NAME = 'aliases.json';

/** The names of bundles can be neither read nor changed. Nothing has changed, and what is served goes on. */
export class AliasesUnusable extends StartError {
  /** @param problem names the file and says what to do, but not where the folder is: that is told to operators alone */
  constructor(
    folder: string,
    readonly problem: string,
  ) {
    super(`Models folder ${folder}: ${problem}`);
  }
}

export function aliasesFile(folder: string, unsaid: Aliases): AliasesFile {
  const file = join(folder, NAME);
  const refuse = (problem: string): never => {
    throw new AliasesUnusable(folder, `${NAME} ${problem}`);
  };
  const read = async (): Promise<Aliases> => {
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      return refuse(`cannot be read (${error.code}). Let the user of the service read it.`);
    });
    if (text === undefined) return unsaid;
    const parsed = parseAliases(text);
    if ('aliases' in parsed) return parsed.aliases;
    return refuse(
      `is damaged: ${parsed.problem}. Correct it, or remove it, which brings the shipped bundle back, and promote the one you want.`,
    );
  };
  const change: AliasesFile['change'] = async (edit) => {
    await mkdir(folder, { recursive: true });
    return underLock(`${file}.lock`, async (lock) => {
      const current = await read();
      const next = edit(current);
      if (next && next !== current) await replaceFile(file, `${JSON.stringify(next, undefined, 2)}\n`, lock);
      return next;
    });
  };
  return {
    read,
    change: (edit) =>
      change(edit).catch((error: NodeJS.ErrnoException) => {
        if (error instanceof LockLost) return refuse('is being changed by another process. Try again.');
        if (error.code === undefined) throw error;
        return refuse(`cannot be written (${error.code}). Let the user of the service write to its folder.`);
      }),
  };
}

/** The file holds the old text or the new one, never a part, also after a crash of the machine. */
async function replaceFile(file: string, text: string, lock: FileLock): Promise<void> {
  const part = `${file}.${randomUUID()}`;
  try {
    const handle = await open(part, 'w', 0o644);
    await handle
      .writeFile(text)
      .then(() => handle.sync())
      .finally(() => handle.close());
    await lock.confirm();
    await rename(part, file);
  } finally {
    await rm(part, { force: true });
  }
  await syncFolder(dirname(file));
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY);
  await handle.sync().finally(() => handle.close());
}
