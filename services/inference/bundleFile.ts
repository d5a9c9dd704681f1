import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BundleFile } from '../../gen/replymesh/type/v1/bundle.js';
import { StartError } from '../../lib/errors.js';
import type { Bundle } from './bundle.js';

/** Reads one declared file and checks it; the worker that loads it does so again, so that a file changed in between is not run. */
export async function readBundleFile(root: string, file: BundleFile): Promise<Uint8Array> {
  const content = await readInside(root, file.path, file.sizeBytes);
  if (content.length !== file.sizeBytes) {
    refuse(root, `${file.path}: it has ${content.length} bytes, the manifest says ${file.sizeBytes}. Fetch the bundle again.`);
  }
  const digest = sha256(content);
  if (digest !== file.sha256)
    refuse(root, `${file.path}: its SHA-256 is ${digest}, the manifest says ${file.sha256}. Fetch the bundle again.`);
  return content;
}

/** The declared file of that path. @throws StartError when the manifest has none */
export const declaredFile = (bundle: Pick<Bundle, 'dir' | 'manifest'>, path: string): BundleFile =>
  bundle.manifest.files.find((f) => f.path === path) ?? refuse(bundle.dir, `${path} is not among the manifest's "files".`);

/** Reads a regular file below `root` without following a symbolic link anywhere on the way. */
export async function readInside(root: string, path: string, maxBytes: number): Promise<Uint8Array> {
  const steps = path.split('/');
  for (let depth = 1; depth < steps.length; depth++) await refuseLink(root, steps.slice(0, depth).join('/'));
  await refuseLink(root, path);
  // O_NOFOLLOW: the path may have become a link since it was looked at. O_NONBLOCK: a pipe must not stop the start.
  const file = await open(join(root, path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch((error: Error) =>
    refuse(root, `${path} cannot be read: ${error.message}.`),
  );
  try {
    const stat = await file.stat();
    if (!stat.isFile()) refuse(root, `${path} is not a regular file.`);
    if (stat.size > maxBytes)
      refuse(root, `${path}: it has ${stat.size} bytes, at most ${maxBytes} were expected. Fetch the bundle again.`);
    return await readFile(file);
  } finally {
    await file.close();
  }
}

async function refuseLink(root: string, path: string): Promise<void> {
  const stat = await lstat(join(root, path)).catch(() => undefined);
  if (!stat) refuse(root, `${path} is not there. Fetch the bundle again, or set REPLYMESH_BUNDLE_DIR to one that is whole.`);
  else if (stat.isSymbolicLink())
    refuse(root, `${path} is a symbolic link. A bundle holds its files itself: copy the file into the folder.`);
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Ends the opening of a bundle with what is wrong in its folder and what to do. */
export function refuse(root: string, problem: string): never {
  throw new StartError(`Bundle ${root}: ${problem}`);
}
