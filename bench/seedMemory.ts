import { once } from 'node:events';
import { sql } from 'drizzle-orm';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { v7 as uuidv7 } from 'uuid';
import { Query } from '../gen/replymesh/type/v1/decision.js';
import { background } from '../lib/call.js';
import { type ContentKey, contentKeys } from '../services/context/contentKeys.js';
import { decisionWrite } from '../services/context/decisionRow.js';
import type { MasterKey } from '../services/context/masterKey.js';
import { makeQueryPartition } from '../services/context/queryPartitions.js';
import { sealProfile } from '../services/context/sealedProfile.js';
import { hexOf, sealQuery } from '../services/context/sealedQuery.js';
import { rowsOf, type Store } from '../services/context/store.js';
import { type Field, HEADER, Json, rowOf, TRAILER } from './copyRow.js';
import { customerAt, customerId, customersOf, queryAt, TENANTS, tenantAt } from './memoryRows.js';

export interface Seeding {
  readonly store: Store;
  /** A superuser's: it fills partitions, which nobody else may touch. */
  readonly url: string;
  readonly master: MasterKey;
  readonly rows: number;
  /** Rows end here. */
  readonly now: Date;
  readonly say: (line: string) => void;
}

export const MONTHS = 12;
/** Distinct messages; a record is one of them with its own id, customer and time, sealed for its own place. */
const TEMPLATES = 2000;
const KEYS_AT_ONCE = 2000;
const CHUNK_BYTES = 1 << 20;
const TIMEOUT_MS = 600_000;

/** Fills an empty database as if messages had come for a year: keys and profiles of customers, messages by month, a line of history for each. */
export async function seedMemory({ store, url, master, rows, now, say }: Seeding): Promise<void> {
  const client = new pg.Client({ connectionString: url, options: '-c maintenance_work_mem=1GB -c synchronous_commit=off' });
  await client.connect();
  try {
    const keys = await seedCustomers(store, master, rows);
    say(`${[...keys.values()].reduce((sum, { size }) => sum + size, 0)} customers and their keys`);
    await withoutIndexes(client, 'customer_history', async () => {
      const templates = Array.from({ length: Math.min(TEMPLATES, rows) }, (_, n) => templateOf(n));
      for (const month of monthsBefore(now)) {
        await seedMonth(client, store, { ...month, rows, templates, keys, total: now });
        say(`${month.name} filled`);
      }
    });
    await client.query(
      'insert into customer_versions select tenant, customer_id, (extract(epoch from max(created_at)) * 1e6)::bigint from customer_history group by 1, 2',
    );
    await client.query('vacuum analyze queries');
    await client.query('vacuum analyze customer_history, customer_versions, customers, customer_keys');
  } finally {
    await client.end();
  }
}

type Keys = ReadonlyMap<string, ReadonlyMap<string, ContentKey>>;

async function seedCustomers(store: Store, master: MasterKey, rows: number): Promise<Keys> {
  const all = new Map<string, Map<string, ContentKey>>();
  for (const [tenant] of TENANTS) {
    const own = new Map<string, ContentKey>();
    all.set(tenant, own);
    const ids = Array.from({ length: customersOf(rows, tenant) }, (_, i) => customerId(i));
    for (let from = 0; from < ids.length; from += KEYS_AT_ONCE) {
      const some = ids.slice(from, from + KEYS_AT_ONCE);
      await store.within(background({ tenant, timeoutMs: TIMEOUT_MS }), async (tx) => {
        const made = await contentKeys(master).forWriting(tx, tenant, some);
        for (const [id, key] of made) own.set(id, key);
        const profiles = some.map((id) => ({
          id,
          ...hexOf(
            sealProfile(made.get(id)!, id, {
              display_name: `Customer ${id}`,
              facts: [{ key: 'order', value: id.slice(4), type: 'NUMBER' }],
            }),
          ),
        }));
        await tx.execute(sql`
          insert into customers (tenant, id, display_name, tier, language, facts, created_at, updated_at)
          select ${tenant}, id, display_name, 'STANDARD', 'en', facts, now(), now()
          from jsonb_to_recordset(${JSON.stringify(profiles)}::jsonb) as p(id text, display_name bytea, facts bytea)`);
      });
    }
  }
  return all;
}

interface Month {
  readonly name: string;
  readonly from: Date;
  readonly to: Date;
}

function monthsBefore(now: Date): Month[] {
  return Array.from({ length: MONTHS }, (_, i) => {
    const from = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - MONTHS + 1 + i));
    const to = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - MONTHS + 2 + i));
    return { name: `queries_${from.toISOString().slice(0, 7).replace('-', '_')}`, from, to };
  });
}

interface Filling extends Month {
  readonly rows: number;
  readonly templates: readonly Template[];
  readonly keys: Keys;
  readonly total: Date;
}

/** A month as the product makes it, filled while it is apart and has no index: attaching it makes them as the migrations say. */
async function seedMonth(client: pg.Client, store: Store, filling: Filling): Promise<void> {
  const { name, from, to } = filling;
  await makeQueryPartition(store, from);
  await client.query('begin');
  await client.query(`alter table queries detach partition ${name}`);
  await dropIndexes(client, name);
  await client.query(`truncate ${name}`);
  const columns = await columnsOf(client, name);
  const stream = client.query(copyFrom(`copy ${name} (${columns.join(', ')}) from stdin (format binary, freeze)`));
  for (const chunk of chunksOf(filling, columns)) if (!stream.write(chunk)) await once(stream, 'drain');
  stream.end();
  await once(stream, 'finish');
  await client.query(`
    insert into customer_history
    select tenant, id, customer_id, 'QUERY', intent, case action when 'DRAFT' then 'OPEN' when 'ESCALATE' then 'ESCALATED' else 'RESOLUTION_STATUS_UNSPECIFIED' end, null, created_at
    from ${name}`);
  await client.query(`alter table queries attach partition ${name} for values from ('${from.toISOString()}') to ('${to.toISOString()}')`);
  await client.query('commit');
}

const columnsOf = async (client: pg.Client, table: string): Promise<string[]> =>
  (
    await client.query<{ attname: string }>(
      `select attname from pg_attribute where attrelid = '${table}'::regclass and attnum > 0 and not attisdropped order by attnum`,
    )
  ).rows.map((row) => row.attname);

function* chunksOf({ from, to, rows, templates, keys, total }: Filling, columns: readonly string[]): Generator<Buffer> {
  const start = Date.UTC(total.getUTCFullYear(), total.getUTCMonth() - MONTHS + 1);
  const stepMs = (total.getTime() - start) / rows;
  const last = Math.min(rows, Math.ceil((to.getTime() - start) / stepMs));
  let chunk: Buffer[] = [HEADER];
  let size = 0;
  for (let n = Math.ceil((from.getTime() - start) / stepMs); n < last; n += 1) {
    const row = rowAt(n, new Date(Math.floor(start + n * stepMs)), templates[n % templates.length]!, rows, keys, columns);
    chunk.push(row);
    size += row.length;
    if (size < CHUNK_BYTES) continue;
    yield Buffer.concat(chunk);
    chunk = [];
    size = 0;
  }
  yield Buffer.concat([...chunk, TRAILER]);
}

interface Template {
  readonly columns: Readonly<Record<string, unknown>>;
  readonly votes: Json;
  readonly text: string;
  readonly reply: string;
  /** The record without what stands at its top, and where its decision's id is. */
  readonly record: Buffer;
  readonly idAt: number;
}
const PLACEHOLDER = `qry_${'0'.repeat(36)}`;

/** Encoding each record anew would take longer than all the rest. */
function templateOf(n: number): Template {
  const query = queryAt(n, { id: PLACEHOLDER, customerId: 'c', createTime: new Date(0) });
  const { query: columns, texts } = decisionWrite('', query, { fingerprint: '', inputs: undefined }, new Date(0));
  const record = Buffer.from(Query.encode({ ...query, id: '', customerId: '', createTime: undefined }).finish());
  return {
    columns,
    votes: new Json(JSON.stringify(columns['votes'])),
    text: texts.text,
    reply: texts.reply,
    record,
    idAt: record.indexOf(PLACEHOLDER),
  };
}

function rowAt(n: number, at: Date, template: Template, rows: number, keys: Keys, columns: readonly string[]): Buffer {
  const tenant = tenantAt(n);
  const customer = customerAt(n, customersOf(rows, tenant));
  const id = `qry_${uuidv7({ msecs: at.getTime() })}`;
  const body = Buffer.from(template.record);
  body.write(id, template.idAt, 'latin1');
  const head = Query.encode(Query.fromPartial({ id, customerId: customer, createTime: at })).finish();
  const sealed = sealQuery(keys.get(tenant)!.get(customer)!, id, {
    text: template.text,
    reply: template.reply,
    record: Buffer.concat([head, body]),
  });
  const row: Record<string, unknown> = {
    ...template.columns,
    ...sealed,
    tenant,
    id,
    customer_id: customer,
    created_at: at,
    updated_at: at,
    votes: template.votes,
  };
  return rowOf(columns.map((column) => (row[column] ?? null) as Field));
}

/** Runs `work` while the table has neither indexes nor key, and makes them again as they were. */
async function withoutIndexes(client: pg.Client, table: string, work: () => Promise<void>): Promise<void> {
  const made = await dropIndexes(client, table);
  await work();
  for (const statement of made) await client.query(statement);
}

/** @returns what makes them again */
async function dropIndexes(client: pg.Client, table: string): Promise<string[]> {
  const { rows: constraints } = await client.query<{ name: string; definition: string }>(
    `select conname as name, pg_get_constraintdef(oid) as definition from pg_constraint where conrelid = '${table}'::regclass and contype in ('p', 'u')`,
  );
  for (const { name } of constraints) await client.query(`alter table ${table} drop constraint ${name}`);
  const { rows: indexes } = await client.query<{ name: string; definition: string }>(
    `select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition from pg_index where indrelid = '${table}'::regclass`,
  );
  for (const { name } of indexes) await client.query(`drop index ${name}`);
  return [
    ...constraints.map(({ name, definition }) => `alter table ${table} add constraint ${name} ${definition}`),
    ...indexes.map(({ definition }) => definition),
  ];
}

/** Fills the roll-ups by the product's own statements, a month of a tenant at a time. */
export async function fillRollUps(store: Store, now: Date): Promise<void> {
  const { binsOf, countsOf, storedQueries, votesOf } = await import('../services/context/analyticsRows.js');
  const rollUps = await import('../services/context/rollUps.js');
  for (const [tenant] of TENANTS)
    for (const { from, to } of monthsBefore(now))
      await store.background(async (tx) => {
        const { place } = await rollUps.readProgress(tx);
        const month = { tenant, from, to };
        const stored = storedQueries(month, place);
        await rollUps.addCounts(tx, countsOf(stored), ['hour']);
        await rollUps.addHistograms(tx, rollUps.binned(binsOf(stored), ['hour']));
        await rollUps.addVotes(tx, votesOf(stored), ['hour']);
        await rollUps.addCounts(tx, rollUps.countsOfHours(month), ['day']);
        await rollUps.addHistograms(tx, rollUps.histogramsOfHours(month));
        await rollUps.addVotes(tx, rollUps.votesOfHours(month), ['day']);
      });
  await store.owner((tx) => rowsOf(tx, sql`analyze analytics_counts, analytics_histograms, analytics_votes`));
}
