import { setTimeout as wait } from 'node:timers/promises';
import { log } from '../../lib/log.js';
import type { Closable } from '../../lib/shutdown.js';
import { forgetBusinessMetrics, observeCaughtUp, observeResolution, tellBusinessMetrics } from './businessMetrics.js';
import { forgetDriftScores, tellDriftScores } from './driftMetrics.js';
import { recountHour } from './recount.js';
import { recountAfterRestore, rollUpEvents } from './rollUpEvents.js';
import type { Store } from './store.js';

interface Parts {
  readonly store: Store;
  readonly now: () => Date;
}

/** How long events wait to be counted together. Summaries count them at once all the same. */
const POLL_MS = 2000;
/** How soon another instance takes over from one that ended. */
const CLAIM_MS = 5000;
const RETRY_MS = 5000;
const METRICS_MS = 60_000;

/** Counts what happens for analytics, for as long as the process runs: one instance at a time. */
export function startRollUp(parts: Parts): Closable {
  const stopping = new AbortController();
  const counting = count(parts, stopping.signal);
  return {
    close: async () => {
      stopping.abort();
      await counting;
    },
  };
}

async function count(parts: Parts, stopping: AbortSignal): Promise<void> {
  while (!stopping.aborted) {
    try {
      const claim = await parts.store.claim('analytics');
      if (claim === undefined) {
        await pause(CLAIM_MS, stopping);
        continue;
      }
      try {
        await carryOn(parts, AbortSignal.any([stopping, claim.lost]));
      } finally {
        forgetBusinessMetrics();
        forgetDriftScores();
        await claim.release();
      }
    } catch (error) {
      if (!stopping.aborted)
        log.warn({ error }, 'messages could not be counted for analytics: trying again, and summaries count them meanwhile');
      await pause(RETRY_MS, stopping);
    }
  }
}

async function carryOn({ store, now }: Parts, ended: AbortSignal): Promise<void> {
  if (await recountAfterRestore(store))
    log.warn('the database was restored from a dump: everything that is stored is counted anew for analytics');
  let toldAt = Number.NEGATIVE_INFINITY;
  while (!ended.aborted) {
    const { events, resolutionSeconds } = await rollUpEvents(store);
    resolutionSeconds.forEach(observeResolution);
    if (events === 0) observeCaughtUp(now());
    if (performance.now() - toldAt >= METRICS_MS) {
      await tellBusinessMetrics(store, now());
      await tellDriftScores(store, now());
      toldAt = performance.now();
    }
    const started = performance.now();
    const more = await recountHour(store);
    // Nobody waits for a recount, and others use the same database: it works half of the time.
    if (more) await pause(performance.now() - started, ended);
    else if (events === 0) await pause(POLL_MS, ended);
  }
}

/** Ends early with the signal. */
const pause = (ms: number, signal: AbortSignal): Promise<void> => wait(ms, undefined, { signal }).catch(() => {});
