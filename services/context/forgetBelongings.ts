import { type SQL, sql } from 'drizzle-orm';
import { background } from '../../lib/call.js';
import { rowsOf, type Store, type Transaction } from './store.js';

/** Rows that are looked at in one go: few enough that nobody waits for it. */
const BATCH = 5000;
const TIMEOUT_MS = 30_000;

/** What belongs to a message and may be younger than it. An erasure finds it by its message alone, so that it may not outlive that. */
const BELONGINGS: readonly Belonging[] = [
  ...['feedback', 'labels', 'shadow_predictions'].map((name) => ({
    table: sql.identifier(name),
    id: sql`query_id`,
    query: sql`query_id`,
    forget: (ids: SQL) => sql`delete from ${sql.identifier(name)} where query_id = any(${ids}) returning 1`,
  })),
  {
    table: sql`outbox`,
    id: sql`event_id`,
    query: sql`subject`,
    // The relays still need its numbers.
    forget: (ids: SQL) =>
      sql`update outbox set payload = payload || '{"customer_id": ""}' where event_id = any(${ids}) and payload->>'customer_id' <> '' returning 1`,
  },
];
interface Belonging {
  readonly table: SQL | ReturnType<typeof sql.identifier>;
  /** By it the rows are walked through, and found again: an index of the table begins with it. */
  readonly id: SQL;
  /** Id of the message. */
  readonly query: SQL;
  forget(ids: SQL): SQL;
}

/** Deletes what belongs to messages of before this time, and takes their customers' ids out of the events that wait. Comes before the messages go. @returns how many rows */
export async function forgetBelongings(store: Store, before: Date, signal: AbortSignal): Promise<number> {
  const old = sql`created_at < ${before.toISOString()}::timestamptz`;
  let rows = 0;
  for (const tenant of await store.background((tx) => tenantsWith(tx, old)))
    for (const belonging of BELONGINGS) rows += await walk(store, tenant, belonging, old, signal);
  return rows;
}

/** Goes from tenant to tenant by an index: there may be millions of messages of each. */
async function tenantsWith(tx: Transaction, old: SQL): Promise<string[]> {
  const next = (more: SQL): SQL => sql`(select tenant from queries where ${old} and ${more} order by tenant limit 1)`;
  const rows = await rowsOf<{ tenant: string }>(
    tx,
    sql`
      with recursive found as (
        select ${next(sql`true`)} as tenant
        union all select ${next(sql`queries.tenant > found.tenant`)} from found where found.tenant is not null
      ) select tenant from found where tenant is not null`,
  );
  return rows.map(({ tenant }) => tenant);
}

/** Looks at each row once, and has the tenant's turn only where there is something to forget. */
async function walk(store: Store, tenant: string, { table, id, query, forget }: Belonging, old: SQL, signal: AbortSignal): Promise<number> {
  const call = () => background({ tenant, timeoutMs: TIMEOUT_MS, signal });
  let rows = 0;
  for (let after: string | null = ''; after !== null && !signal.aborted; ) {
    const [page] = await store.within(call(), (tx) =>
      rowsOf<{ last: string | null; ids: string[] }>(
        tx,
        sql`
          with page as materialized (
            select distinct ${id} as id, ${query} as query_id from ${table} where ${id} > ${after} order by id limit ${BATCH}
          )
          select (select max(id) from page) as last, coalesce(jsonb_agg(id), '[]') as ids from page
          -- Not "exists": no plan may read all old messages for it.
          where (select true from queries q where q.id = page.query_id and q.${old} limit 1)`,
      ),
    );
    after = page?.last ?? null;
    const ids = sql`array(select jsonb_array_elements_text(${JSON.stringify(page?.ids ?? [])}::jsonb))`;
    if (page?.ids.length) rows += (await store.alone(call(), (tx) => rowsOf(tx, forget(ids)))).length;
  }
  return rows;
}
