import { sql } from 'drizzle-orm';
import { log } from '../../lib/log.js';
import { APP_ROLE } from './columns.js';
import type { ContentKey, ContentKeys } from './contentKeys.js';
import { sealProfile } from './sealedProfile.js';
import { hexOf, sealQuery } from './sealedQuery.js';
import { rowsOf, type Store, type Transaction } from './store.js';

/** Rows of one transaction. */
const BATCH = 500;
/** Any number that is this step's alone. */
const LOCK = 7_269_411_028;

/** A row in the clear as JSON: Postgres' own, so that times and numbers come back as they were. */
interface Row {
  readonly [column: string]: unknown;
  readonly id: string;
}

/** What migration 0008 put aside: each table with its key's owner and how a row is encrypted. */
const TABLES: readonly {
  name: string;
  customerOf: (row: Row) => string;
  sealed: (key: ContentKey, row: Row) => Record<string, Uint8Array>;
}[] = [
  {
    name: 'customers',
    customerOf: (row) => row.id,
    sealed: (key, row) => sealProfile(key, row.id, row as unknown as Parameters<typeof sealProfile>[2]),
  },
  {
    name: 'queries',
    customerOf: (row) => row['customer_id'] as string,
    sealed: (key, row) =>
      sealQuery(key, row.id, {
        text: row['query_text'] as string,
        reply: row['response_text'] as string,
        record: Buffer.from((row['record'] as string).slice('\\x'.length), 'hex'),
      }),
  },
];

/**
 * Encrypts what a version without content keys has stored, and drops what was in the clear with the files that held it. Does nothing in a
 * database without. A start that is killed in the middle leaves the rest to the next one.
 */
export async function sealOldRows(store: Store, keys: ContentKeys): Promise<void> {
  for (const table of TABLES) {
    let rows = 0;
    let sealed: number;
    do {
      sealed = await store.owner((tx) => sealBatch(tx, keys, table));
      rows += sealed;
    } while (sealed > 0);
    if (rows > 0) log.info({ table: table.name, rows }, 'encrypted what an older version has stored');
  }
}

/** Some rows of one tenant. @returns how many; 0 when none is left, and the table gone */
async function sealBatch(tx: Transaction, keys: ContentKeys, { name, customerOf, sealed }: (typeof TABLES)[number]): Promise<number> {
  const from = sql.identifier(`${name}_unsealed`);
  const into = sql.identifier(name);
  // Several instances may start at once.
  await tx.execute(sql`select pg_advisory_xact_lock(${LOCK})`);
  // By the table of tables: `to_regclass` may still know one that another instance has dropped while this one waited.
  const there = await rowsOf(tx, sql`select from pg_class where relname = ${`${name}_unsealed`}`);
  if (there.length === 0) return 0;
  const [next] = await rowsOf<{ tenant: string }>(tx, sql`select tenant from ${from} limit 1`);
  if (!next) {
    await tx.execute(sql`drop table ${from}`);
    return 0;
  }
  const { tenant } = next;
  const old = await rowsOf<{ row: Row }>(
    tx,
    sql`delete from ${from} where ctid = any(array(select ctid from ${from} where tenant = ${tenant} limit ${BATCH})) returning to_jsonb(${from}) as row`,
  );
  await tx.execute(sql`set local role ${sql.identifier(APP_ROLE)}`);
  await tx.execute(sql`select set_config('replymesh.tenant', ${tenant}, true)`);
  const rows = old.map(({ row }) => row);
  const keyOf = await keys.forWriting(tx, tenant, rows.map(customerOf));
  const input = JSON.stringify(rows.map((row) => ({ ...row, ...hexOf(sealed(keyOf.get(customerOf(row))!, row)) })));
  await tx.execute(
    sql`insert into ${into} select r.* from jsonb_populate_recordset(null::${into}, ${input}::jsonb) r on conflict do nothing`,
  );
  return rows.length;
}
