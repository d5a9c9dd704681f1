import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StartError } from './errors.js';
import { lockFolder } from './folderLock.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'replymesh-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the lock of a data folder', () => {
  it('is held once, and free again when it is released', () => {
    const file = join(folder, 'db.lock');
    const lock = lockFolder(file, process.pid);
    expect(() => lockFolder(file, process.pid)).toThrow(StartError);
    lock.release();
    expect(existsSync(file)).toBe(false);
    lockFolder(file, process.pid).release();
  });

  it('is not taken from a living process, and the refusal names it and the way out', async () => {
    const file = join(folder, 'db.lock');
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    try {
      writeFileSync(file, `${child.pid} \n`);
      expect(() => lockFolder(file, process.pid)).toThrow(new RegExp(`process ${child.pid} .*REPLYMESH_DATA_DIR`, 's'));
      expect(readFileSync(file, 'utf8')).toBe(`${child.pid} \n`);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    // The same file, its process now dead.
    lockFolder(file, process.pid).release();
  });

  it('is taken over from a process that is gone, also when its pid is used again', () => {
    const file = join(folder, 'db.lock');
    // Our parent lives, but it did not start at the boot that this names.
    writeFileSync(file, `${process.ppid} 00000000-0000-0000-0000-000000000000:1\n`);
    if (existsSync('/proc/self/stat')) lockFolder(file, process.pid).release();
    // A container's main process has the same pid as its forerunner.
    writeFileSync(file, `${process.pid} another\n`);
    const lock = lockFolder(file, process.pid);
    expect(readFileSync(file, 'utf8')).toMatch(new RegExp(`^${process.pid} `));
    lock.release();
  });

  it('stands when nobody can tell whose it is', () => {
    const file = join(folder, 'db.lock');
    writeFileSync(file, '');
    expect(() => lockFolder(file, process.pid)).toThrow(StartError);
  });
});
