import { sql } from 'drizzle-orm';
import type { OutboxEvent, Refusal, Sink } from './relaySink.js';
import { millis, rowsOf, type Store, type Transaction } from './store.js';

/** Everything up to here has been carried, in the order of transactions and then of positions. */
export interface Cursor {
  readonly transactionId: string;
  readonly position: number;
}
type SinkName = Sink['name'];

/** Where a sink's relay goes on; at the beginning of the outbox the first time. @throws Error when cursor or events are of another database server */
export async function readCursor(store: Store, sink: SinkName, now: Date): Promise<Cursor> {
  const row = await store.background(async (tx) => {
    await tx.execute(sql`
      insert into relay_cursors (sink, transaction_id, position, updated_at) values (${sink}, '0', 0, ${now.toISOString()})
      on conflict do nothing`);
    const [found] = await rowsOf<{ transaction_id: string; position: number; ahead: boolean }>(
      tx,
      sql`
        select transaction_id::text, position::float8 as position,
               transaction_id > pg_snapshot_xmax(pg_current_snapshot())
                 or exists (select from outbox where transaction_id > pg_snapshot_xmax(pg_current_snapshot())) as ahead
        from relay_cursors where sink = ${sink}`,
    );
    return found;
  });
  if (row?.ahead)
    throw new Error(
      'The outbox holds numbers of transactions that this database server has not had yet: it was restored from a dump. ' +
        'Do what "After a restore" in docs/how-to/relay-events.md says.',
    );
  return { transactionId: row?.transaction_id ?? '0', position: row?.position ?? 0 };
}

const eventColumns = sql`
  o.transaction_id::text, o.position::float8 as position, o.tenant, o.event_id, o.type, o.subject, o.payload, ${millis('o.created_at')} as created_at`;

interface Row extends Omit<OutboxEvent, 'transactionId' | 'id' | 'createdAt'> {
  readonly transaction_id: string;
  readonly event_id: string;
  readonly created_at: number;
}
const eventOf = ({ transaction_id, event_id, created_at, ...row }: Row): OutboxEvent => ({
  ...row,
  transactionId: transaction_id,
  id: event_id,
  createdAt: new Date(created_at),
});

/** The next events after the cursor. Only of transactions before every one that still runs: what is read so is final, and nothing comes before it later. */
export async function readBatch(store: Store, after: Cursor, limit: number): Promise<OutboxEvent[]> {
  const rows = await store.background((tx) =>
    rowsOf<Row>(
      tx,
      sql`
        select ${eventColumns} from outbox o
        where (o.transaction_id, o.position) > (${after.transactionId}::xid8, ${after.position}::bigint)
          and o.transaction_id < pg_snapshot_xmin(pg_current_snapshot())
        order by o.transaction_id, o.position limit ${limit}`,
    ),
  );
  return rows.map(eventOf);
}

/** Moves the cursor, and puts what the sink refused aside. @throws Error when the cursor was moved by somebody else meanwhile */
export async function advance(
  store: Store,
  sink: SinkName,
  move: { readonly from: Cursor; readonly to: Cursor },
  dead: readonly DeadLetter[],
  now: Date,
): Promise<void> {
  const at = now.toISOString();
  await store.background(async (tx) => {
    const moved = await rowsOf(
      tx,
      sql`
        update relay_cursors set transaction_id = ${move.to.transactionId}::xid8, position = ${move.to.position}, updated_at = ${at}
        where sink = ${sink} and transaction_id = ${move.from.transactionId}::xid8 and position = ${move.from.position}
        returning 1`,
    );
    if (moved.length === 0) throw new Error('Another instance relays to this sink: its claim was taken over.');
    await bury(tx, sink, dead, at);
  });
}

/** A refused event, and how often it was tried. */
export interface DeadLetter extends Refusal {
  readonly attempts: number;
}
const MOST_ERROR = 500;

async function bury(tx: Transaction, sink: SinkName, dead: readonly DeadLetter[], at: string): Promise<void> {
  for (const { event, error, attempts } of dead)
    await tx.execute(sql`
      insert into dead_letters (sink, position, event_id, tenant, type, error, attempts, dead_at)
      values (${sink}, ${event.position}, ${event.id}, ${event.tenant}, ${event.type}, ${error.slice(0, MOST_ERROR)}, ${attempts}, ${at})
      on conflict (sink, position) do update set error = excluded.error, attempts = excluded.attempts, dead_at = excluded.dead_at`);
}

/** Dead letters whose attempts an operator set to 0, which means: try again. */
export async function readRevived(store: Store, sink: SinkName, limit: number): Promise<OutboxEvent[]> {
  const rows = await store.background((tx) =>
    rowsOf<Row>(
      tx,
      sql`
        select ${eventColumns} from dead_letters d join outbox o on o.position = d.position
        where d.sink = ${sink} and d.attempts = 0 order by o.transaction_id, o.position limit ${limit}`,
    ),
  );
  return rows.map(eventOf);
}

/** Ends the second life of dead letters: those refused again stay, the others are gone. */
export async function settleRevived(store: Store, sink: SinkName, tried: readonly OutboxEvent[], dead: readonly DeadLetter[], now: Date) {
  const positions = JSON.stringify(tried.map((event) => event.position));
  await store.background(async (tx) => {
    await tx.execute(sql`
      delete from dead_letters where sink = ${sink} and position in (select value::bigint from jsonb_array_elements_text(${positions}::jsonb))`);
    await bury(tx, sink, dead, now.toISOString());
  });
}
