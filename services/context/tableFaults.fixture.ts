import { type SQL, sql } from 'drizzle-orm';
import type { Within } from '../../lib/call.js';
import { rowsOf, type Store, type Transaction } from './store.js';

/** Somebody whose rows another tries to reach. */
interface Tenant {
  readonly tenant: string;
  readonly as: { readonly within: Within };
}

interface Table {
  readonly name: string;
  readonly guarded: boolean;
  readonly partition: boolean;
  /** Those that an insert has to name. */
  readonly columns: { name: string; type: string }[];
}

/** Values that a table takes only some of. */
const CHECKED: Readonly<Record<string, string>> = { source: 'feedback', drawn: 'random' };
const VALUES: Readonly<Record<string, string>> = {
  bigint: '1',
  integer: '1',
  'double precision': '0.5',
  boolean: 'false',
  jsonb: "'[]'",
  bytea: "'x'",
  xid8: "'1'",
  'text[]': "'{}'",
  'bigint[]': "'{}'",
  'timestamp(3) with time zone': 'now()',
};

/**
 * Puts a row of `mine` into every table of the catalogue and lets `other` try to read, change, delete and forge it.
 * @returns what went through, a sentence each
 */
export async function tableFaults(store: Store, mine: Tenant, other: Tenant): Promise<string[]> {
  const tables = await store.owner(tablesOf);
  const bound = tables.filter((t) => !t.partition && t.columns.some((c) => c.name === 'tenant'));
  // Articles first: passages belong to one.
  for (const table of bound) await store.owner((tx) => insert(tx, table, mine.tenant));
  const faults = tables.filter((t) => !t.guarded).map((t) => `${t.name} has no row-level security that holds for its owner too.`);
  for (const table of tables.filter((t) => !bound.includes(t)))
    if ((await rowsReached(store, other, sql`select 1 from ${sql.identifier(table.name)}`)) !== 'refused')
      faults.push(`${table.name} is no tenant's, and yet any tenant may read it.`);
  for (const table of bound) faults.push(...(await crossings(store, table, mine, other)));
  return faults;
}

async function crossings(store: Store, table: Table, mine: Tenant, other: Tenant): Promise<string[]> {
  const name = sql.identifier(table.name);
  const hers = sql`tenant = ${mine.tenant}`;
  const tries: [string, SQL][] = [
    ['read', sql`select 1 from ${name} where ${hers}`],
    ['take', sql`update ${name} set tenant = ${other.tenant} where ${hers} returning 1`],
    ['delete', sql`delete from ${name} where ${hers} returning 1`],
    ['forge', sql`${insertion(table, mine.tenant, 'forged')} returning 1`],
    ['empty', sql`truncate ${name}`],
  ];
  const faults: string[] = [];
  for (const [verb, statement] of tries)
    if (!['refused', 0].includes(await rowsReached(store, other, statement)))
      faults.push(`${table.name}: one tenant can ${verb} another's rows.`);
  const left = await store.owner(async (tx) => {
    await tx.execute(sql`select set_config('replymesh.tenant', ${mine.tenant}, true)`);
    return rowsOf(tx, sql`select 1 from ${name} where ${hers}`);
  });
  return left.length === 1 ? faults : [...faults, `${table.name}: ${left.length} rows of a tenant are left of one.`];
}

/** So many rows a statement reaches; it may only be refused for want of rights. */
async function rowsReached(store: Store, { as }: Tenant, statement: SQL): Promise<number | 'all' | 'refused'> {
  try {
    const done = await store.within(as.within, async (tx) => (await tx.execute(statement)) as { rows: unknown[]; command: string });
    return done.command === 'TRUNCATE' ? 'all' : done.rows.length;
  } catch (error) {
    if (error instanceof Error && error.message.includes('42501')) return 'refused';
    throw error;
  }
}

async function insert(tx: Transaction, table: Table, tenant: string): Promise<void> {
  await tx.execute(sql`select set_config('replymesh.tenant', ${tenant}, true)`);
  await tx.execute(insertion(table, tenant, tenant));
}

function insertion({ name, columns }: Table, tenant: string, text: string): SQL {
  const values = columns.map((column) => {
    // The article of a passage is there under the tenant's name.
    if (column.name === 'tenant' || column.name === 'article_id') return sql`${tenant}`;
    if (column.name in CHECKED) return sql`${CHECKED[column.name]}`;
    if (column.type === 'text') return sql`${text}`;
    const value = VALUES[column.type];
    // A new kind of column fails here rather than go untested.
    if (value === undefined)
      throw new Error(`${name}.${column.name} is ${column.type}: give VALUES in tableFaults.fixture.ts one of these.`);
    return sql.raw(value);
  });
  const names = columns.map((column) => sql.identifier(column.name));
  return sql`insert into ${sql.identifier(name)} (${sql.join(names, sql`, `)}) values (${sql.join(values, sql`, `)})`;
}

const tablesOf = (tx: Transaction): Promise<Table[]> =>
  rowsOf<Table>(
    tx,
    sql`
      select relname as name, relrowsecurity and relforcerowsecurity as guarded, relispartition as partition,
             (select jsonb_agg(jsonb_build_object('name', attname, 'type', format_type(atttypid, atttypmod)) order by attnum) from pg_attribute
              where attrelid = pg_class.oid and attnum > 0 and not attisdropped and attnotnull and attidentity = '' and not atthasdef) as columns
      from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') order by relname`,
  );
