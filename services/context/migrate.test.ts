import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { sql } from 'drizzle-orm';
import { drizzle as drizzlePg } from 'drizzle-orm/node-postgres';
import { drizzle as drizzlePglite } from 'drizzle-orm/pglite';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../lib/packageRoot.js';
import { scratchDatabase, storeKinds } from './context.fixture.js';
import { migrate } from './migrate.js';
import { rowsOf, type Transaction } from './store.js';

const FOLDER = fileURLToPath(new URL('services/context/migrations', packageRoot));

/** The migrations as they were when there were so many. */
function firstMigrations(count: number, into: string): string {
  cpSync(FOLDER, into, { recursive: true });
  const journal = join(into, 'meta/_journal.json');
  const all = JSON.parse(readFileSync(journal, 'utf8')) as { entries: unknown[] };
  writeFileSync(journal, JSON.stringify({ ...all, entries: all.entries.slice(0, count) }));
  return into;
}

/** A connection of the kind; on Postgres that of an owner who is no superuser, so that row-level security binds it. */
async function connectionOf(kind: 'PGlite' | 'Postgres'): Promise<{ db: Transaction; close(): Promise<void> }> {
  if (kind === 'PGlite') {
    const db = await PGlite.create({ extensions: { vector } });
    return { db: drizzlePglite(db) as unknown as Transaction, close: () => db.close() };
  }
  const database = await scratchDatabase();
  const owner = new URL(database.url).pathname.slice(1);
  await database.query(`create role ${owner} login createrole`);
  await database.query(`alter database ${owner} owner to ${owner}`);
  const url = new URL(database.url);
  url.username = owner;
  const client = new pg.Client(url.href);
  await client.connect();
  return {
    db: drizzlePg(client) as unknown as Transaction,
    close: async () => {
      await client.end();
      await database.close();
      const admin = new pg.Client(process.env['DATABASE_URL']);
      await admin.connect();
      await admin.query(`drop role ${owner}`);
      await admin.end();
    },
  };
}

const INSERT_QUERY = (id: string, at: string) => sql`
  insert into queries values ('t', ${id}, '', 'c', '', 'text', 'support', 'get_refund', 'NEUTRAL', 0.9, 'NORMAL', 0.4, 'AUTO', 'PERMITTED', 'reply', 12, false, 0.1, 'CHAT',
    'PLUS', 'digest', 'record', ${at}::timestamptz, ${at}::timestamptz)`;

describe.each(storeKinds)('a database of the first version on %s', (kind) => {
  let root: string;
  let connection: Awaited<ReturnType<typeof connectionOf>>;
  let db: Transaction;
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'replymesh-migrate-'));
    connection = await connectionOf(kind);
    db = connection.db;
    await migrate(db, firstMigrations(4, join(root, 'first')));
    await db.execute(sql`alter table queries no force row level security`);
    await db.execute(INSERT_QUERY('last-month', new Date(Date.now() - 31 * 86_400_000).toISOString()));
    await db.execute(INSERT_QUERY('this-month', new Date().toISOString()));
    await db.execute(INSERT_QUERY('long-ago', '0001-01-01T00:00:00Z'));
    await db.execute(sql`alter table queries force row level security`);
    await db.execute(sql`alter table interactions no force row level security`);
    await db.execute(sql`insert into interactions values ('t', 'this-month', 'c', 'QUERY', 'get_refund', 'OPEN', 4, now())`);
    await db.execute(sql`alter table interactions force row level security`);
    await db.execute(sql`set role replymesh_app`);
    await db.execute(sql`set replymesh.tenant = 't'`);
    await db.execute(
      sql`insert into outbox (tenant, type, subject, payload, created_at) values ('t', 'QueryProcessed', 'this-month', '{}', now())`,
    );
    await db.execute(sql`reset role`);
    await migrate(db);
  });
  afterAll(async () => {
    await connection.close();
    rmSync(root, { recursive: true, force: true });
  });
  const asTenant = async <T>(statement: ReturnType<typeof sql>): Promise<T[]> => {
    await db.execute(sql`set role replymesh_app`);
    try {
      return await rowsOf<T>(db, statement);
    } finally {
      await db.execute(sql`reset role`);
    }
  };

  it('keeps every query, each in the partition of its month', async () => {
    const rows = await rowsOf<{ relname: string }>(
      db,
      sql`select relname from pg_class where relname like 'queries\_%' and relkind = 'r' order by relname`,
    );
    const month = (time: number) => `queries_${new Date(time).toISOString().slice(0, 7).replace('-', '_')}`;
    expect(rows.map((r) => r.relname)).toEqual([month(Date.now() - 31 * 86_400_000), month(Date.now()), 'queries_default']);
    const where = await asTenant<{ id: string; part: string }>(
      sql`select id, tableoid::regclass::text as part from queries order by created_at`,
    );
    expect(where).toEqual([
      { id: 'long-ago', part: 'queries_default' },
      { id: 'last-month', part: rows[0]?.relname },
      { id: 'this-month', part: rows[1]?.relname },
    ]);
  });

  it('keeps the history of its customers', async () => {
    expect(await asTenant(sql`select id, interaction_type, satisfaction_score from customer_history`)).toEqual([
      { id: 'this-month', interaction_type: 'QUERY', satisfaction_score: 4 },
    ]);
  });

  it('gives the events that wait a name that stays', async () => {
    await db.execute(sql`set role replymesh_background`);
    expect(await rowsOf(db, sql`select event_id from outbox`)).toEqual([{ event_id: 'QueryProcessed/this-month' }]);
    await db.execute(sql`reset role`);
  });
});
