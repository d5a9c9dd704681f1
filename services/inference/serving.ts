import { log } from '../../lib/log.js';
import type { Closable } from '../../lib/shutdown.js';
import type { Bundle } from './bundle.js';
import type { LoadedBundle } from './loadBundle.js';
import { bundleSwaps } from './metrics.js';
import type { Workers } from './workers.js';

/** The bundle that answers. Another takes its place between two calls, so that none fails of it; those in flight finish on theirs. */
export interface Serving extends Pick<Workers, 'alive' | 'onAlive'>, Closable {
  readonly bundle: Bundle;
  /** A method that runs each call on the bundle that is served when it comes. */
  by<Q, C, A>(method: (loaded: LoadedBundle) => (request: Q, call: C) => Promise<A>): (request: Q, call: C) => Promise<A>;
  /** From now on `next` answers. The old one's threads end after the last call that it has. */
  swap(next: LoadedBundle): void;
}

interface Held {
  readonly loaded: LoadedBundle;
  calls: number;
}

export function serveBundle(first: LoadedBundle): Serving {
  let closed = false;
  let current: Held = { loaded: first, calls: 0 };
  /** All whose threads were not told to end. */
  const held = new Set<Held>([current]);
  const listeners: ((alive: number) => void)[] = [];
  const tell = (): void => {
    for (const listener of listeners) listener(current.loaded.workers.alive);
  };
  const follow = (one: Held): void =>
    one.loaded.workers.onAlive(() => {
      // What becomes of the threads of an old one is nobody's matter.
      if (one === current) tell();
    });
  const endings = new Set<Promise<void>>();
  const end = (one: Held): void => {
    if (!held.delete(one)) return;
    const ending = one.loaded.workers.close().finally(() => endings.delete(ending));
    endings.add(ending);
  };
  follow(current);

  return {
    get bundle() {
      return current.loaded.bundle;
    },
    get alive() {
      return current.loaded.workers.alive;
    },
    onAlive: (listener) => void listeners.push(listener),
    by: (method) => async (request, call) => {
      const mine = current;
      mine.calls += 1;
      try {
        return await method(mine.loaded)(request, call);
      } finally {
        mine.calls -= 1;
        if (mine !== current && mine.calls === 0) end(mine);
      }
    },
    swap: (next) => {
      const old = current;
      current = { loaded: next, calls: 0 };
      held.add(current);
      if (closed) return end(current);
      follow(current);
      tell();
      if (old.calls === 0) end(old);
      bundleSwaps.inc();
      const { digest, manifest } = next.bundle;
      log.info({ digest, bundle: manifest.name, version: manifest.version }, 'another bundle is served');
    },
    close: async () => {
      closed = true;
      for (const one of held) end(one);
      await Promise.all(endings);
    },
  };
}
