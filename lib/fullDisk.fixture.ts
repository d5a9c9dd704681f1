import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What stays free for the file system's own. */
const SPARE_BYTES = 8192;

/** A small disk (tmpfs) that a test fills up; undefined where none may be mounted. */
export function smallDisk(megabytes: number) {
  const folder = mkdtempSync(join(tmpdir(), 'replymesh-disk-'));
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder]);
  if (status !== 0) {
    rmSync(folder, { recursive: true });
    return undefined;
  }
  const filler = join(folder, 'filler');
  return {
    folder,
    fill: () => {
      const { bavail, bsize } = statfsSync(folder);
      writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - SPARE_BYTES)));
    },
    empty: () => rmSync(filler, { force: true }),
    close: async () => {
      spawnSync('umount', ['-l', folder]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Whether a disk may be mounted here; a suite that is left out tells it. */
export async function canMount(): Promise<boolean> {
  const disk = smallDisk(1);
  await disk?.close();
  if (!disk) console.warn('Left out, because no disk may be mounted here (it takes root on Linux): what happens when a disk is full.');
  return disk !== undefined;
}
