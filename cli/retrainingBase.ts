import { readFile } from 'node:fs/promises';
import { recordOf } from '../lib/retrainingFolder.js';
import { CommandFailed } from './failure.js';
import type { ModelsFolder } from './modelsFolder.js';

/** The bundle that a space is trained anew upon. */
interface Base {
  readonly digest: string;
  readonly folder: string;
}

/**
 * The challenger, where it was made of what is served: spaces that are trained one after another all stay. Else the bundle that is served.
 * @param afresh the served one in any case @throws CommandFailed when that is not in the models folder
 */
export async function retrainingBase(
  { registry, path }: { readonly path: string; readonly registry: Pick<ModelsFolder['registry'], 'aliases' | 'folderOf'> },
  served: string,
  afresh = false,
): Promise<Base> {
  const { challenger } = await registry.aliases();
  if (!afresh && challenger !== undefined && (await servedBefore(path, challenger)) === served) {
    const folder = await registry.folderOf(challenger);
    if (folder !== undefined) return { digest: challenger, folder };
  }
  const folder = await registry.folderOf(served);
  if (folder !== undefined) return { digest: served, folder };
  throw new CommandFailed(
    `The mesh serves the bundle ${served.slice(0, 12)}, which is not in ${path}. Set REPLYMESH_MODELS_DIR and REPLYMESH_BUNDLE_DIR as the mesh has them.`,
  );
}

/** What was served when "retrain" made a bundle; undefined when something else made it. */
const servedBefore = (path: string, digest: string): Promise<string | undefined> =>
  readFile(recordOf(path, digest), 'utf8')
    .then((text) => (JSON.parse(text) as { servedBundleDigest?: string }).servedBundleDigest)
    .catch(() => undefined);
