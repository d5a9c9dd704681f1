import { sql } from 'drizzle-orm';
import { log } from '../../lib/log.js';
import type { Closable } from '../../lib/shutdown.js';
import type { Cursor } from './relayCursor.js';
import type { Sink } from './relaySink.js';
import { rowsOf, type Store } from './store.js';

const EVERY_MS = 600_000;
const DAY_MS = 86_400_000;
/** Rows that one transaction deletes: few enough that nobody waits for it. */
const BATCH = 5000;

interface Parts {
  readonly store: Store;
  /** Those that are set; the cursor of any other holds nothing back. */
  readonly sinks: readonly Sink['name'][];
  readonly retentionDays: number;
  readonly now: () => Date;
}

/** Deletes what every sink has got, what analytics has counted and what is old, at once and then every ten minutes. */
export function startOutboxExpiry(parts: Parts): Closable {
  const stop = new AbortController();
  const expire = (): Promise<unknown> =>
    expireOutbox(parts, stop.signal).catch((error: unknown) =>
      log.warn({ error }, 'relayed events could not be deleted: trying again later'),
    );
  let expiring = expire();
  const timer = setInterval(() => {
    expiring = expiring.then(expire);
  }, EVERY_MS);
  timer.unref();
  return {
    close: async () => {
      clearInterval(timer);
      stop.abort();
      await expiring;
    },
  };
}

/** Goes from the oldest event on and ends at the first batch that is not all old. What a dead letter is about stays, so that it can be tried again. */
export async function expireOutbox({ store, sinks, retentionDays, now }: Parts, stop: AbortSignal): Promise<void> {
  const before = new Date(now().getTime() - retentionDays * DAY_MS).toISOString();
  for (let deleted = BATCH; deleted === BATCH && !stop.aborted; ) {
    deleted = await store.background(async (tx) => {
      const cursors = await rowsOf<Cursor>(
        tx,
        sql`
          select transaction_id::text as "transactionId", position::float8 as position from (
            select transaction_id, position from relay_cursors where sink in (select jsonb_array_elements_text(${JSON.stringify(sinks)}::jsonb))
            union all select transaction_id, position from analytics_progress
          ) readers order by readers.transaction_id, readers.position`,
      );
      const [last] = cursors;
      // One has not begun yet.
      if (!last || cursors.length < sinks.length + 1) return 0;
      const rows = await rowsOf(
        tx,
        sql`
          delete from outbox where position in (
            select position from (
              select position, created_at from outbox
              where (transaction_id, position) <= (${last.transactionId}::xid8, ${last.position}::bigint)
                and not exists (select from dead_letters d where d.position = outbox.position)
              order by transaction_id, position limit ${BATCH}
            ) oldest where created_at < ${before}::timestamptz
          ) returning 1`,
      );
      return rows.length;
    });
  }
}
