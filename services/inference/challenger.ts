import { log } from '../../lib/log.js';
import type { Closable } from '../../lib/shutdown.js';
import type { LoadedBundle } from './loadBundle.js';
import type { Registry } from './registry.js';

/** The bundle that reads messages beside the champion, while there is one. */
export interface Challenger extends Closable {
  readonly loaded: LoadedBundle | undefined;
  /** Percentage of the messages that it is to read. */
  readonly percent: number;
}

interface Parts {
  readonly registry: Pick<Registry, 'aliases' | 'manifestOf'>;
  /** With few threads: nobody waits for it. */
  readonly load: (dir: string) => Promise<LoadedBundle>;
  readonly percent: number;
  readonly pollMs: number;
}

/** Looks again and again whether the models folder names a challenger, and keeps that one open. One that cannot be opened is told once and left alone. */
export function followChallenger({ registry, load, percent, pollMs }: Parts): Challenger {
  let loaded: LoadedBundle | undefined;
  let refused: string | undefined;
  const stop = new AbortController();

  const swap = async (next: LoadedBundle | undefined): Promise<void> => {
    const old = loaded;
    loaded = next;
    await old?.workers.close();
  };
  const look = async (): Promise<void> => {
    const digest = await registry.aliases().then(
      ({ challenger }) => challenger,
      // The champion's follower tells of a file that cannot be read.
      () => loaded?.bundle.digest,
    );
    if (digest === loaded?.bundle.digest || (digest !== undefined && digest === refused)) return;
    refused = undefined;
    await swap(undefined);
    if (digest === undefined) return;
    try {
      const next = await load((await registry.manifestOf(digest)).dir);
      if (stop.signal.aborted) return await next.workers.close();
      await swap(next);
      log.info({ digest, percent }, 'a challenger reads messages beside the champion');
    } catch (error) {
      refused = digest;
      log.error({ digest, error }, 'the challenger was refused: no message is read beside the champion');
    }
  };
  let looking = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  const lookLater = (): void => {
    timer = setTimeout(async () => {
      await (looking = look());
      if (!stop.signal.aborted) lookLater();
    }, pollMs);
  };
  if (percent > 0) lookLater();
  return {
    get loaded() {
      return loaded;
    },
    percent,
    close: async () => {
      stop.abort();
      clearTimeout(timer);
      await looking;
      await swap(undefined);
    },
  };
}
