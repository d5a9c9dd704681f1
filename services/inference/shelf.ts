import { StartError } from '../../lib/errors.js';
import { log } from '../../lib/log.js';
import type { Closable } from '../../lib/shutdown.js';
import { fail, fault } from '../errors.js';
import { loadKnown } from './champion.js';
import { withoutFolder } from './describeModels.js';
import type { LoadedBundle } from './loadBundle.js';
import type { Registry } from './registry.js';
import { openTurns } from './turns.js';

/** A bundle that is not served, for decisions that were made with it: one at a time, so that memory has a bound. */
export interface Shelf extends Closable {
  /**
   * Works with a bundle of the models folder. The first who asks waits until it is opened, and until nobody works with the one before.
   * @throws Fault BUNDLE_UNKNOWN, BUNDLE_BROKEN; the signal's reason when it fires while the call waits
   */
  use<T>(digest: string, signal: AbortSignal, work: (loaded: LoadedBundle) => Promise<T>): Promise<T>;
}

interface Parts {
  readonly registry: Registry;
  readonly load: (dir: string) => Promise<LoadedBundle>;
  /** How long a bundle stays open when nobody asks for it, milliseconds. */
  readonly idleMs: number;
}

interface Held {
  readonly digest: string;
  readonly loaded: LoadedBundle;
  readonly working: Set<Promise<unknown>>;
  idle: NodeJS.Timeout | undefined;
}

export function openShelf({ registry, load, idleMs }: Parts): Shelf {
  let held: Held | undefined;
  const turns = openTurns();

  const putBack = async (): Promise<void> => {
    const last = held;
    held = undefined;
    clearTimeout(last?.idle);
    await Promise.allSettled(last?.working ?? []);
    await last?.loaded.workers.close();
  };
  const take = async (digest: string): Promise<Held> => {
    if (held?.digest === digest) return held;
    if ((await registry.folderOf(digest)) === undefined) fail('BUNDLE_UNKNOWN', { digest });
    await putBack();
    const loaded = await loadKnown(registry, load, digest).catch((error: unknown) => {
      if (!(error instanceof StartError)) throw error;
      log.error({ digest, error }, 'a bundle that is not served could not be opened');
      throw fault('BUNDLE_BROKEN', { digest, problem: withoutFolder(error.message) });
    });
    log.info({ digest }, 'opened a bundle that is not served');
    held = { digest, loaded, working: new Set(), idle: undefined };
    return held;
  };
  const leave = (one: Held, work: Promise<unknown>): void => {
    one.working.delete(work);
    clearTimeout(one.idle);
    one.idle = setTimeout(() => void turns.take(async () => (one === held && one.working.size === 0 ? putBack() : undefined)), idleMs);
    one.idle.unref();
  };

  return {
    use: async <T>(digest: string, signal: AbortSignal, work: (loaded: LoadedBundle) => Promise<T>): Promise<T> => {
      let working: Promise<T> | undefined;
      await turns.take(async () => {
        const one = await take(digest);
        working = work(one.loaded);
        one.working.add(working);
        const done = (): void => leave(one, working!);
        working.then(done, done);
      }, signal);
      return working!;
    },
    close: () => turns.take(putBack),
  };
}
