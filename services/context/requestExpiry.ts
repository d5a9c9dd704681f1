import { sql } from 'drizzle-orm';
import { log } from '../../lib/log.js';
import type { Closable } from '../../lib/shutdown.js';
import type { Store } from './store.js';

const EVERY_MS = 600_000;

/** Deletes request ids whose time is over. They count for nothing before that already, so that this only saves room. */
export const expireRequests = (store: Store, now: Date): Promise<unknown> =>
  store.background((tx) => tx.execute(sql`delete from request_reservations where honoured_until <= ${now.toISOString()}::timestamptz`));

/** Does so every ten minutes. */
export function startRequestExpiry(store: Store, now: () => Date): Closable {
  const timer = setInterval(() => {
    expireRequests(store, now()).catch((error: unknown) => log.warn({ error }, 'old request ids could not be deleted: trying again later'));
  }, EVERY_MS);
  timer.unref();
  return { close: async () => clearInterval(timer) };
}
