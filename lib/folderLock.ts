import { closeSync, linkSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { StartError } from './errors.js';

export interface FolderLock {
  release(): void;
}

/** Locks that this process holds: its own pid in a file that is not among them was left by a forerunner with the same pid, as in a container. */
const held = new Set<string>();
/** Attempts before a lock that others keep taking counts as held. */
const ATTEMPTS = 5;

/**
 * Takes the lock file or says who has it. The file is made with O_EXCL and names its process; it is reaped only when that process is dead.
 * Not seen: a process of another machine or container that shares the folder.
 * @throws StartError when a living process holds it
 */
export function lockFolder(file: string, pid: number): FolderLock {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    if (create(file, pid)) {
      held.add(file);
      return {
        release: () => {
          if (held.delete(file)) rmSync(file, { force: true });
        },
      };
    }
    const owner = read(file);
    if (owner === undefined) continue;
    if (lives(owner, file)) break;
    reap(file, owner);
  }
  const owner = read(file)?.trim().split(' ')[0];
  throw new StartError(
    `The data folder is in use by process ${owner ?? 'unknown'} (lock file ${file}). ` +
      'Stop that process, or set REPLYMESH_DATA_DIR to another folder; several instances on one database need Postgres (DATABASE_URL).',
  );
}

function create(file: string, pid: number): boolean {
  try {
    const descriptor = openSync(file, 'wx', 0o600);
    writeSync(descriptor, `${pid} ${startOf(pid)}\n`);
    closeSync(descriptor);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new StartError(
      `The lock file ${file} cannot be written (${(error as NodeJS.ErrnoException).code}). Set REPLYMESH_DATA_DIR to a folder that can.`,
    );
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** When the kernel started the process, since pids are used again; empty where /proc does not tell. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot}:${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return '';
  }
}

function lives(owner: string, file: string): boolean {
  const [pid = '', start = ''] = owner.trim().split(' ');
  // A file without a pid is being written at this moment, or was cut by a crash of the machine: nobody can tell, so that it stands.
  if (!/^\d+$/.test(pid)) return true;
  if (Number(pid) === process.pid) return held.has(file);
  if (start !== '' && startOf(Number(pid)) !== '' && startOf(Number(pid)) !== start) return false;
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Moves the dead owner's file away. Renaming is atomic, so that of two reapers one gets it; whoever caught a fresh lock instead puts it back. */
function reap(file: string, owner: string): void {
  const aside = `${file}.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch {
    return;
  }
  if (read(aside) !== owner) {
    try {
      linkSync(aside, file);
    } catch {
      // Somebody has taken the lock in between: theirs stands.
    }
  }
  rmSync(aside, { force: true });
}
