import { constants } from 'node:fs';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StartError } from '../../lib/errors.js';
import { type Aliases, parseAliases } from './aliases.js';

/** `aliases.json` of a models folder, which is replaced as a whole. */
export interface AliasesFile {
  /** `unsaid` while there is no such file. @throws AliasesUnusable */
  read(): Promise<Aliases>;
  /** @throws AliasesUnusable */
  write(aliases: Aliases): Promise<void>;
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
  return {
    read: async () => {
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
    },
    write: (aliases) =>
      replaceFile(file, `${JSON.stringify(aliases, undefined, 2)}\n`).catch((error: NodeJS.ErrnoException) =>
        refuse(`cannot be written (${error.code}). Let the user of the service write to its folder.`),
      ),
  };
}

/** The file holds the old text or the new one, never a part, also after a crash of the machine. */
async function replaceFile(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const part = `${file}.${process.pid}`;
  const handle = await open(part, 'w', 0o644);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(part, file);
  await syncFolder(dirname(file));
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY);
  await handle.sync().finally(() => handle.close());
}
