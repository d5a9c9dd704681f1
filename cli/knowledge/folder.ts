import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, resolve, sep } from 'node:path';
import { CommandFailed } from '../failure.js';
import { type Parsed, refused } from './draft.js';
import { ENDINGS, kindOfPath, tooLarge, withoutEnding } from './kinds.js';
import type { Entry, Source } from './source.js';

/** A file, or every file below a folder, in the order of their paths. What begins with a dot is left out. @param name what sources begin with in place of the path of the target */
export async function openFolder(target: string, name: string | undefined): Promise<Source> {
  const root = name ?? slashed(resolve(target));
  if ((await statOf(target)).isFile()) {
    if (!kindOfPath(target)) throw new CommandFailed(`${target}: this is no file of articles. They end in ${ENDINGS.join(', ')}.`);
    const source = name === undefined ? root : `${root}/${basename(target)}`;
    return { prefix: source, isOne: true, entries: [entryOf(target, source, basename(target))], refusals: [], others: 0 };
  }
  const paths = await pathsBelow(target);
  const known = paths.filter((path) => kindOfPath(path));
  if (known.length === 0) throw new CommandFailed(`${target}: there is no file that ends in ${ENDINGS.join(', ')}.`);
  const entries = known.map((path) => entryOf(join(target, path), `${root}/${path}`, path));
  return { prefix: `${root}/`, isOne: false, entries, refusals: [], others: paths.length - known.length };
}

async function pathsBelow(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error) => cannotBeRead(folder, error));
  return found
    .filter((entry) => !entry.isDirectory())
    .map((entry) => slashed(join(entry.parentPath, entry.name).slice(join(folder, sep).length)))
    .filter((path) => !/(^|\/)\./.test(path))
    .sort();
}

const slashed = (path: string): string => path.split(sep).join('/');
const entryOf = (file: string, source: string, path: string): Entry => ({
  file,
  source,
  path: withoutEnding(path),
  read: (signal) => readOne(file, signal),
});

async function readOne(file: string, signal: AbortSignal): Promise<Parsed> {
  const kind = kindOfPath(file)!;
  try {
    const { size } = await stat(file);
    if (size > kind.maxBytes) return refused(1, tooLarge(size, kind));
    return kind.parse(await readFile(file, { signal }));
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return refused(1, `the file cannot be read (${error.code}).`);
  }
}

const statOf = (target: string) => stat(target).catch((error) => cannotBeRead(target, error));
const isSystemError = (error: unknown): error is NodeJS.ErrnoException => error instanceof Error && 'syscall' in error;

function cannotBeRead(target: string, error: unknown): never {
  if (!isSystemError(error)) throw error;
  throw new CommandFailed(
    error.code === 'ENOENT' ? `${target}: there is no such file or folder.` : `${target} cannot be read (${error.code}).`,
  );
}
