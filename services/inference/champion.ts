import { isDeepStrictEqual } from 'node:util';
import { v7 as uuidv7 } from 'uuid';
import type { Within } from '../../lib/call.js';
import { Fault, StartError } from '../../lib/errors.js';
import { log } from '../../lib/log.js';
import type { Closable } from '../../lib/shutdown.js';
import { fail, fault } from '../errors.js';
import { type Aliases, type ChangedBy, noted, promoted, rolledBack } from './aliases.js';
import { AliasesUnusable } from './aliasesFile.js';
import { withoutFolder } from './describeModels.js';
import { followChampion } from './followChampion.js';
import type { LoadedBundle } from './loadBundle.js';
import { bundleRefusals } from './metrics.js';
import { type Registry, requireDigest } from './registry.js';
import { type Serving, serveBundle } from './serving.js';
import { openTurns } from './turns.js';

/** Keeps the champion of the models folder served, whoever names it: a call here, another replica, or somebody who edits the file. */
export interface Champion extends Closable {
  readonly serving: Serving;
  /** The names that the models folder gives. @throws Fault BUNDLE_NAMES_UNUSABLE */
  aliases(): Promise<Aliases>;
  /**
   * Makes a bundle the champion and resolves when it is served. What has begun goes on when the signal fires.
   * @throws Fault BUNDLE_UNKNOWN, BUNDLE_BROKEN, BUNDLE_NAMES_UNUSABLE; nothing has changed then
   */
  promote(digest: string, by: By): Promise<void>;
  /**
   * Goes back to the latest champion before this one that can be served.
   * @throws Fault NO_EARLIER_BUNDLE, BUNDLE_BROKEN, BUNDLE_NAMES_UNUSABLE; nothing has changed then
   */
  rollBack(by: By): Promise<void>;
}

/** Who changes it, and until when they wait. */
export type By = Pick<Within, 'principal' | 'signal'>;

interface Parts {
  readonly registry: Registry;
  readonly load: (dir: string) => Promise<LoadedBundle>;
  /** Pause between two looks at the folder, milliseconds. */
  readonly pollMs: number;
}

/** Serves the champion; one that is broken stands back for those before it, and these for the shipped bundle. @throws StartError when none can be served */
export async function openChampion({ registry, load, pollMs }: Parts): Promise<Champion> {
  const loadDigest = (digest: string): Promise<LoadedBundle> => loadKnown(registry, load, digest);
  const serving = serveBundle(await loadFirst(registry, loadDigest));
  const turns = openTurns();
  const follower = followChampion({ registry, serving, loadDigest, turns, pollMs });
  const change = changeTo(registry, serving, loadDigest);

  const aliases = (): Promise<Aliases> => registry.aliases().catch(refuseUnusable);
  const promote = async (digest: string, by: ChangedBy): Promise<void> => {
    const { champion } = await aliases();
    if ((await registry.folderOf(digest)) === undefined) fail('BUNDLE_UNKNOWN', { digest });
    if (champion !== digest || serving.bundle.digest !== digest)
      await change(digest, (current) => noted(promoted(current, digest), current, 'promoted', by));
  };
  const rollBack = async (by: ChangedBy): Promise<void> => {
    // Where another replica has changed the champion meanwhile, the one before is another one: look again.
    for (let done = false; !done; ) done = await stepBack(await aliases(), change, by);
  };
  return {
    serving,
    aliases,
    promote: (digest, { principal, signal }) => turns.take(() => promote(digest, changedBy(principal)), signal),
    rollBack: ({ principal, signal }) => turns.take(() => rollBack(changedBy(principal)), signal),
    close: async () => {
      follower.close();
      await turns.done();
      await serving.close();
    },
  };
}

const changedBy = ({ tenant, subject: actor }: By['principal']): ChangedBy => ({
  id: `chg_${uuidv7()}`,
  tenant,
  actor,
  at: new Date().toISOString(),
});

/** Serves a bundle under the names that the edit gives. @returns false when it gave none, and nothing has changed */
type Change = (digest: string, edit: (current: Aliases) => Aliases | undefined) => Promise<boolean>;

/** Goes back from what was seen to the latest champion that can be served. @returns false when that was no longer so */
async function stepBack(seen: Aliases, change: Change, by: ChangedBy): Promise<boolean> {
  let next = rolledBack(seen) ?? fail('NO_EARLIER_BUNDLE', {});
  for (;;) {
    try {
      return await change(next.champion, (current) =>
        isDeepStrictEqual(current, seen) ? noted(next, seen, 'rolled back', by) : undefined,
      );
    } catch (error) {
      const before = rolledBack(next);
      if (!isBroken(error) || !before) throw error;
      next = before;
    }
  }
}

/** Opens the new champion before anything says that it is one, so that a broken one changes nothing. */
function changeTo(registry: Registry, serving: Serving, loadDigest: (digest: string) => Promise<LoadedBundle>): Change {
  const refuse = (digest: string, error: unknown): never => {
    if (!(error instanceof StartError)) throw error;
    bundleRefusals.inc();
    log.error({ digest, error }, 'a bundle was refused, the one before goes on');
    throw fault('BUNDLE_BROKEN', { digest, problem: withoutFolder(error.message) });
  };
  return async (digest, edit) => {
    const loaded = serving.bundle.digest === digest ? undefined : await loadDigest(digest).catch((e: unknown) => refuse(digest, e));
    let written: Aliases | undefined;
    try {
      // Kept, so that there is a way back to the shipped bundle when a new version of Replymesh has brought another one.
      await registry.add(serving.bundle).catch((error: unknown) => log.warn({ error }, 'the bundle served until now could not be kept'));
      written = await registry.changeAliases(edit).catch(refuseUnusable);
    } finally {
      if (!written) await loaded?.workers.close();
    }
    if (written && loaded) serving.swap(loaded);
    return written !== undefined;
  };
}

function refuseUnusable(error: unknown): never {
  if (!(error instanceof AliasesUnusable)) throw error;
  log.error({ error }, 'the names of the bundles cannot be used: what is served goes on');
  throw fault('BUNDLE_NAMES_UNUSABLE', { problem: error.problem });
}

const isBroken = (error: unknown): boolean => error instanceof Fault && error.reason === 'BUNDLE_BROKEN';

/** @throws StartError when there is none, or it is not what it is named for, or cannot be opened */
export async function loadKnown(registry: Registry, load: Parts['load'], digest: string): Promise<LoadedBundle> {
  const { dir } = await registry.manifestOf(digest);
  const loaded = await load(dir);
  try {
    return { ...loaded, bundle: requireDigest(loaded.bundle, digest) };
  } catch (error) {
    await loaded.workers.close();
    throw error;
  }
}

async function loadFirst(registry: Registry, loadDigest: (digest: string) => Promise<LoadedBundle>): Promise<LoadedBundle> {
  const { champion, history } = await registry.aliases();
  for (const digest of new Set([champion, ...history.toReversed()])) {
    if (digest === registry.shippedDigest) break;
    try {
      return await loadDigest(digest);
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      bundleRefusals.inc();
      log.error({ digest, error }, 'the champion was refused at start: one before it is tried');
    }
  }
  return loadDigest(registry.shippedDigest);
}
