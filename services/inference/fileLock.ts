import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

/** A held lock. */
export interface FileLock {
  /** @throws LockLost when another has taken the lock over, because this process stood still for too long */
  confirm(): Promise<void>;
}

export class LockLost extends Error {
  override readonly name = 'LockLost';
}

/** What is done under a lock takes milliseconds: an owner that is seen for so long is dead. */
const PATIENCE_MS = 5000;
const POLL_MS = 20;

/**
 * Does `work` while nobody else does any under the same lock, in this process or another, also of another machine that shares the folder.
 * The lock is a file that names its owner, made with O_EXCL; who finds the same owner for longer than `patienceMs` takes the lock over.
 */
export async function underLock<T>(file: string, work: (lock: FileLock) => Promise<T>, patienceMs = PATIENCE_MS): Promise<T> {
  const owner = `${hostname()} process ${process.pid} ${randomUUID()}`;
  await take(file, owner, patienceMs);
  const isMine = async (): Promise<boolean> => (await ownerOf(file)) === owner;
  const confirm = async (): Promise<void> => {
    if (!(await isMine())) throw new LockLost(`The lock ${file} was taken over by another process.`);
  };
  try {
    return await work({ confirm });
  } finally {
    if (await isMine()) await rm(file, { force: true });
  }
}

async function take(file: string, owner: string, patienceMs: number): Promise<void> {
  let seen: { readonly owner: string; readonly sinceMs: number } | undefined;
  while (!(await make(file, owner))) {
    const holder = await ownerOf(file);
    if (holder === undefined) continue;
    // By this process's own clock: those of two machines may differ.
    if (seen?.owner !== holder) seen = { owner: holder, sinceMs: performance.now() };
    else if (performance.now() - seen.sinceMs > patienceMs) await reap(file, holder);
    await delay(POLL_MS);
  }
}

const make = (file: string, owner: string): Promise<boolean> =>
  writeFile(file, owner, { flag: 'wx' }).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false;
      throw error;
    },
  );

/** Empty for a moment while the file is made; undefined when there is none. */
const ownerOf = (file: string): Promise<string | undefined> => readFile(file, 'utf8').catch(() => undefined);

/** Moves a dead owner's lock away. Renaming is atomic, so that of two one gets it; who has caught a fresh lock instead puts it back. */
async function reap(file: string, holder: string): Promise<void> {
  const aside = `${file}.${randomUUID()}`;
  const moved = await rename(file, aside).then(
    () => true,
    () => false,
  );
  if (!moved) return;
  if ((await ownerOf(aside)) !== holder) await link(aside, file).catch(() => {});
  await rm(aside, { force: true });
}
