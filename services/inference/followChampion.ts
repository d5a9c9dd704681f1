import { log } from '../../lib/log.js';
import type { LoadedBundle } from './loadBundle.js';
import { bundleRefusals } from './metrics.js';
import type { Registry } from './registry.js';
import type { Serving } from './serving.js';
import type { Turns } from './turns.js';

interface Parts {
  readonly registry: Pick<Registry, 'aliases'>;
  readonly serving: Pick<Serving, 'bundle' | 'swap'>;
  readonly loadDigest: (digest: string) => Promise<LoadedBundle>;
  readonly turns: Turns;
  readonly pollMs: number;
}

/** A champion that was refused is tried again after this time, milliseconds: its files may have come later than its name. */
const RETRY_REFUSED_MS = 60_000;

/** Looks again and again whether the models folder names another champion, and serves it. One that cannot be opened is refused: the one before goes on. */
export function followChampion({ registry, serving, loadDigest, turns, pollMs }: Parts): { close(): void } {
  let refused: { readonly digest: string; readonly untilMs: number } | undefined;

  const look = async (): Promise<void> => {
    // Of a damaged file the digest stays empty.
    let digest = '';
    try {
      ({ champion: digest } = await registry.aliases());
      if (digest === serving.bundle.digest || isRefused(digest)) return;
      serving.swap(await loadDigest(digest));
      refused = undefined;
    } catch (error) {
      if (isRefused(digest)) return;
      refused = { digest, untilMs: performance.now() + RETRY_REFUSED_MS };
      bundleRefusals.inc();
      log.error({ digest, served: serving.bundle.digest, error }, 'the champion was refused, the one before goes on');
    }
  };
  const isRefused = (digest: string): boolean => refused?.digest === digest && performance.now() < refused.untilMs;

  const stop = new AbortController();
  let timer: NodeJS.Timeout;
  const lookLater = (): void => {
    timer = setTimeout(async () => {
      await turns.take(look);
      if (!stop.signal.aborted) lookLater();
    }, pollMs);
  };
  lookLater();
  return {
    close: () => {
      stop.abort();
      clearTimeout(timer);
    },
  };
}
