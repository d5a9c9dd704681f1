import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { type SQL, sql } from 'drizzle-orm';
import { drizzle as drizzlePostgres } from 'drizzle-orm/node-postgres';
import { drizzle as drizzlePglite } from 'drizzle-orm/pglite';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { background } from '../../lib/call.js';
import { packageRoot } from '../../lib/packageRoot.js';
import { postgresOptions, scratchDatabase, startContext, storeKinds, testKeys } from './context.fixture.js';
import { migrate, whyRefused } from './migrate.js';
import { openPglite } from './pglite.js';
import { openPostgres } from './postgres.js';
import { QUERIES_AND_KEYS } from './sealedQuery.js';
import { sealOldRows } from './sealOldRows.js';
import { rowsOf, type Store, type Transaction } from './store.js';

const FOLDER = fileURLToPath(new URL('services/context/migrations', packageRoot));
const VICTIM = fileURLToPath(new URL('services/context/migrationVictim.mjs', packageRoot));
/** So many migrations had the version from which the database comes: the one before queries went by months. */
const OLD = 4;
const LAST_MONTH = new Date(Date.now() - 31 * 86_400_000);
const partitionOf = (at: Date): string => `queries_${at.toISOString().slice(0, 7).replace('-', '_')}`;

/** A database without tables. On Postgres its owner is no superuser, so that row-level security binds it. */
async function emptyDatabase(kind: 'PGlite' | 'Postgres', folder: string) {
  if (kind === 'PGlite')
    return {
      address: folder,
      instances: 1,
      connect: async () => {
        const db = await PGlite.create({ dataDir: folder, extensions: { vector } });
        return { db: drizzlePglite(db) as unknown as Transaction, close: () => db.close() };
      },
      open: () => openPglite(folder),
      close: async () => {},
    };
  const database = await scratchDatabase(true);
  return {
    address: database.url,
    instances: 3,
    connect: async () => {
      const client = new pg.Client(database.url);
      await client.connect();
      return { db: drizzlePostgres(client) as unknown as Transaction, close: () => client.end() };
    },
    open: () => openPostgres(postgresOptions(database.url)),
    close: () => database.close(),
  };
}

/** The migrations as they were when there were so many. */
function firstMigrations(count: number, into: string): string {
  cpSync(FOLDER, into, { recursive: true });
  const journal = join(into, 'meta/_journal.json');
  const all = JSON.parse(readFileSync(journal, 'utf8')) as { entries: unknown[] };
  writeFileSync(journal, JSON.stringify({ ...all, entries: all.entries.slice(0, count) }));
  return into;
}

const aRow = (id: string, at: Date): SQL => sql`
  insert into queries values ('t', ${id}, '', 'c', '', 'text', 'support', 'get_refund', 'NEUTRAL', 0.9, 'NORMAL', 0.4, 'AUTO', 'PERMITTED', 'reply', 12, false,
    0.1, 'CHAT', 'PLUS', 'digest', 'record', ${at.toISOString()}::timestamptz, ${at.toISOString()}::timestamptz)`;

async function fillOld(db: Transaction): Promise<void> {
  const statements = [
    sql`set role replymesh_app`,
    sql`set replymesh.tenant = 't'`,
    aRow('last-month', LAST_MONTH),
    aRow('this-month', new Date()),
    aRow('long-ago', new Date('0001-01-01T00:00:00Z')),
    sql`insert into customers values ('t', 'c', 'Ada', 'PLUS', 'en', '[{"key": "order.number", "value": "NW-1", "type": "NUMBER"}]', now(), now())`,
    sql`insert into feedback values ('t', 'f', 'this-month', '', 5, true, '', now())`,
    sql`insert into interactions values ('t', 'this-month', 'c', 'QUERY', 'get_refund', 'OPEN', 4, now())`,
    sql`insert into outbox (tenant, type, subject, payload, created_at) values ('t', 'QueryProcessed', 'this-month', '{}', now())`,
  ];
  for (const statement of statements) await db.execute(statement);
}

describe.each(storeKinds)('a database of an older version on %s', (kind) => {
  let root: string;
  let database: Awaited<ReturnType<typeof emptyDatabase>>;
  let store: Store;
  let signal: string | null;
  let afterKill: object | undefined;
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'replymesh-migrate-'));
    database = await emptyDatabase(kind, join(root, 'db'));
    const old = await database.connect();
    await migrate(old.db, firstMigrations(OLD, join(root, 'old')));
    await fillOld(old.db);
    await old.close();
    const victim = spawn(process.execPath, [VICTIM, database.address, FOLDER, 'INSERT INTO queries SELECT'], { stdio: 'inherit' });
    [, signal] = (await once(victim, 'close')) as [number | null, string | null];
    const between = await database.connect();
    [afterKill] = await rowsOf<object>(
      between.db,
      sql`select (select count(*) from drizzle.__drizzle_migrations)::int as applied, to_regclass('interactions') is not null as old, to_regclass('audit_log') is not null as new`,
    );
    await between.close();
    const stores = await Promise.all(Array.from({ length: database.instances }, () => database.open()));
    store = stores[0] as Store;
    await Promise.all(stores.map((one) => sealOldRows(one, testKeys())));
    for (const other of stores.slice(1)) await other.close();
  });
  afterAll(async () => {
    await store.close();
    await database.close();
    rmSync(root, { recursive: true, force: true });
  });
  const asTenant = (statement: SQL) => store.within(background({ tenant: 't', timeoutMs: 10_000 }), (tx) => rowsOf(tx, statement));

  it('stays what it was when the start that brings it to this one is killed in the middle', () => {
    expect([signal, afterKill]).toEqual(['SIGKILL', { applied: OLD, old: true, new: false }]);
  });

  it('is brought to this one by the next start, once, however many instances start', async () => {
    const applied = await store.owner((tx) => rowsOf(tx, sql`select hash from drizzle.__drizzle_migrations order by id`));
    const { entries } = JSON.parse(readFileSync(join(FOLDER, 'meta/_journal.json'), 'utf8')) as { entries: unknown[] };
    expect(applied).toHaveLength(entries.length);
  });

  it('keeps every query, each in the partition of its month', async () => {
    expect(await asTenant(sql`select id, tableoid::regclass::text as partition from queries order by created_at`)).toEqual([
      { id: 'long-ago', partition: 'queries_default' },
      { id: 'last-month', partition: partitionOf(LAST_MONTH) },
      { id: 'this-month', partition: partitionOf(new Date()) },
    ]);
  });

  it('keeps what customers wrote, encrypted, and nothing of it in the clear', async () => {
    const sealed = (await asTenant(
      sql`select q.query_text, q.response_text, q.record, k.wrapped_key from ${QUERIES_AND_KEYS} where q.id = 'this-month'`,
    )) as Record<string, Uint8Array>[];
    const key = testKeys().read('t', 'c', sealed[0]?.['wrapped_key']);
    const opened = ['query_text', 'response_text', 'record'].map((column) =>
      key?.open(`queries.${column}`, 'this-month', sealed[0]![column]!).toString(),
    );
    expect(opened).toEqual(['text', 'reply', 'record']);
    const mesh = await startContext(store);
    const { profile } = await mesh.context.getContext({ customerId: 'c' }, { within: background({ tenant: 't', timeoutMs: 10_000 }) });
    await mesh.close();
    expect(profile).toMatchObject({ displayName: 'Ada', facts: [{ key: 'order.number', value: 'NW-1' }] });
    const left = await store.owner((tx) => rowsOf(tx, sql`select relname from pg_class where relname like '%_unsealed'`));
    expect(left).toEqual([]);
  });

  it('keeps the history of its customers, and their feedback', async () => {
    const history = await asTenant(sql`select id, interaction_type, satisfaction_score from customer_history`);
    expect(history).toEqual([{ id: 'this-month', interaction_type: 'QUERY', satisfaction_score: 4 }]);
    expect(await asTenant(sql`select query_id from feedback`)).toEqual([{ query_id: 'this-month' }]);
  });

  it('gives the events that still wait a name that stays', async () => {
    const events = await store.background((tx) => rowsOf(tx, sql`select event_id from outbox`));
    expect(events).toEqual([{ event_id: 'QueryProcessed/this-month' }]);
  });
});

describe('a database', () => {
  const known = ['a', 'b', 'c'].map((hash) => ({ hash }));
  const refusal = (...hashes: string[]) =>
    whyRefused(
      hashes.map((hash) => ({ hash })),
      known,
    );

  it('that is new, older or of this version is taken', () => {
    expect([refusal(), refusal('a'), refusal('a', 'b', 'c')]).toEqual([undefined, undefined, undefined]);
  });

  it('of a newer version, of another build or of another application is refused, each with what to do', () => {
    expect(refusal('a', 'b', 'c', 'd')).toMatch(/newer version.*Start that version/);
    expect(refusal('a', 'x', 'c')).toMatch(/another build.*migration 2.*Start the build/);
    expect(refusal('a', 'c')).toMatch(/another build.*migration 2/);
    expect(refusal('x', 'b', 'c')).toMatch(/another application.*DATABASE_URL/);
  });
});
