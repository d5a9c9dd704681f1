import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LockLost, underLock } from './fileLock.js';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'replymesh-lock-'));
  file = join(folder, 'lock');
});
afterEach(() => rm(folder, { recursive: true }));

/** Longer than work under a lock takes on a machine that is busy with others. */
const DEAD_MS = 1000;

describe('work under a lock', () => {
  it('is done by one at a time, and leaves nothing behind', async () => {
    let inside = 0;
    const most: number[] = [];
    const work = async (): Promise<void> => {
      most.push(++inside);
      await nextTurn();
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 20 }, () => underLock(file, work)));
    expect(most).toEqual(new Array(20).fill(1));
    expect(await readdir(folder)).toEqual([]);
  });

  it('lets go when it fails', async () => {
    await expect(underLock(file, () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    expect(await underLock(file, async () => 'next')).toBe('next');
  });

  it('goes on after an owner that died, by whichever one of those who wait for it', async () => {
    await writeFile(file, 'elsewhere process 1 dead');
    let inside = 0;
    const work = async (): Promise<number> => {
      const now = ++inside;
      await nextTurn();
      inside -= 1;
      return now;
    };
    expect(await Promise.all(Array.from({ length: 8 }, () => underLock(file, work, DEAD_MS)))).toEqual(new Array(8).fill(1));
    expect(await readdir(folder)).toEqual([]);
  });

  it('knows when another has taken it for dead, and leaves that one its lock', async () => {
    let goOn = (): void => {};
    let begun = (): void => {};
    const holds = new Promise<void>((resolve) => (begun = resolve));
    const slow = underLock(file, async ({ confirm }) => {
      await new Promise<void>((resolve) => {
        goOn = resolve;
        begun();
      });
      await confirm();
    });
    await holds;
    const other = await underLock(
      file,
      async ({ confirm }) => {
        goOn();
        await expect(slow).rejects.toThrow(LockLost);
        await confirm();
        return 'done';
      },
      DEAD_MS,
    );
    expect([other, await readdir(folder)]).toEqual(['done', []]);
  });

  it('says so when the lock cannot be made', async () => {
    await expect(underLock(join(folder, 'nowhere', 'lock'), async () => {})).rejects.toThrow('ENOENT');
  });
});
