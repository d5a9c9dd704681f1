import { access, constants, copyFile, mkdir, mkdtemp, readdir, realpath, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StartError } from '../../lib/errors.js';
import type { Aliases } from './aliases.js';
import { type AliasesFile, aliasesFile } from './aliasesFile.js';
import { type Bundle, MANIFEST, openBundle, type ReadManifest, readManifest } from './bundle.js';

/**
 * The models folder: `bundles/<digest>/`, each a bundle that never changes, and `aliases.json`, which is replaced as a whole.
 * Several processes may share it. Without one there is the shipped bundle alone.
 */
export interface Registry {
  readonly shippedDigest: string;
  /** What `aliases.json` says; the shipped bundle is the champion while there is no such file. @throws AliasesUnusable */
  aliases(): Promise<Aliases>;
  /** Changes what `aliases.json` says, one process at a time; see `AliasesFile.change`. @throws AliasesUnusable */
  changeAliases: AliasesFile['change'];
  /** Digests of the bundles, the shipped one among them. */
  digests(): Promise<string[]>;
  /** Folder of a bundle; undefined when there is none of that digest. */
  folderOf(digest: string): Promise<string | undefined>;
  /** The manifest of a bundle. @throws StartError when it cannot be read, or is not the one that its folder is named for */
  manifestOf(digest: string): Promise<ReadManifest>;
  /** Copies a bundle into the folder, unless it is there and whole. @throws StartError when the copy is not what was opened */
  add(bundle: Bundle): Promise<void>;
}

interface Places {
  /** The models folder; made when something is written. */
  readonly folder: string | undefined;
  /** Folder of the bundle that is champion where nothing else was said. */
  readonly shipped: string;
}

const BUNDLES = 'bundles';
const DIGEST = /^[0-9a-f]{64}$/;

/** @throws StartError when the manifest of the shipped bundle cannot be read */
export async function openRegistry({ folder, shipped }: Places): Promise<Registry> {
  const { digest: shippedDigest } = await readManifest(shipped);
  const bundlePath = (digest: string): string => join(writable(folder), BUNDLES, digest);

  const unsaid: Aliases = { champion: shippedDigest, history: [] };

  const folderOf = async (digest: string): Promise<string | undefined> => {
    const path = folder === undefined || !DIGEST.test(digest) ? undefined : bundlePath(digest);
    if (path !== undefined && (await exists(path))) return path;
    return digest === shippedDigest ? shipped : undefined;
  };

  return {
    shippedDigest,
    aliases: async () => (folder === undefined ? unsaid : aliasesFile(folder, unsaid).read()),
    changeAliases: async (edit) => aliasesFile(writable(folder), unsaid).change(edit),
    digests: async () => {
      const added = folder === undefined ? [] : await readdir(join(folder, BUNDLES)).catch(() => []);
      return [...new Set([shippedDigest, ...added.filter((name) => DIGEST.test(name))])];
    },
    folderOf,
    manifestOf: async (digest) => {
      const path = await folderOf(digest);
      if (path === undefined) throw new StartError(`There is no bundle ${digest}. Add it first.`);
      return requireDigest(await readManifest(path), digest);
    },
    add: (bundle) => addTo(join(writable(folder), BUNDLES), bundle),
  };
}

/** What was read, when it is of the digest that it is known by. @throws StartError when it is not: a bundle never changes */
export function requireDigest<B extends { readonly dir: string; readonly digest: string }>(bundle: B, digest: string): B {
  if (bundle.digest === digest) return bundle;
  throw new StartError(
    `Bundle ${bundle.dir}: ${MANIFEST}: its SHA-256 is ${bundle.digest}, the folder is named ${digest}. Add the bundle again.`,
  );
}

function writable(folder: string | undefined): string {
  if (folder !== undefined) return folder;
  throw new StartError('There is no models folder to write to. Set REPLYMESH_MODELS_DIR to one.');
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Copies what the manifest declares, and nothing that lies beside it, under another name first: a bundle is there whole or not at all. */
async function addTo(bundles: string, bundle: Bundle): Promise<void> {
  const target = join(bundles, bundle.digest);
  if (bundle.dir === (await realpath(target).catch(() => undefined))) return;
  const space = bundle.defaultSpace.name;
  const whole = (dir: string): Promise<boolean> =>
    openBundle(dir, space).then(
      (opened) => opened.digest === bundle.digest,
      () => false,
    );
  if (await whole(target)) return;
  await mkdir(bundles, { recursive: true });
  const part = await mkdtemp(join(await realpath(bundles), '.adding-'));
  try {
    for (const path of [MANIFEST, ...bundle.manifest.files.map((file) => file.path)]) {
      await mkdir(dirname(join(part, path)), { recursive: true });
      await copyFile(join(bundle.dir, path), join(part, path), constants.COPYFILE_FICLONE);
    }
    requireDigest(await openBundle(part, space), bundle.digest);
    // A damaged one gives way.
    await rm(target, { recursive: true, force: true });
    await rename(part, target);
  } catch (error) {
    // Another process was quicker with the same bundle.
    if (!(await whole(target))) throw error;
  } finally {
    await rm(part, { recursive: true, force: true });
  }
}
