import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { background } from '../../lib/call.js';
import { StartError } from '../../lib/errors.js';
import { aQuery, newTenant, postgresOptions, reasonOf, scratchDatabase, startContext, until } from './context.fixture.js';
import { openPglite } from './pglite.js';
import { openPostgres } from './postgres.js';
import { rowsOf, type Store } from './store.js';
import { tcpProxy } from './tcpProxy.fixture.js';

describe('the embedded database', () => {
  let root: string;
  let folder: string;
  let made: string;
  beforeAll(async () => {
    // The first start takes seconds: made once, copied for each test.
    root = mkdtempSync(join(tmpdir(), 'replymesh-pglite-'));
    made = join(root, 'made');
    await (await openPglite(made)).close();
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  beforeEach(() => {
    folder = join(mkdtempSync(join(root, 'test-')), 'db');
    cpSync(made, folder, { recursive: true });
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('lets nobody else in while it is open, and everybody when it is closed', async () => {
    const store = await openPglite(folder);
    await expect(openPglite(folder)).rejects.toThrow(/in use by process \d+/);
    await store.close();
    expect(existsSync(`${folder}.lock`)).toBe(false);
    await (await openPglite(folder)).close();
  });

  it('that is damaged says so, with the folder and the way out, and is not held', async () => {
    for (const name of readdirSync(join(folder, 'global'))) writeFileSync(join(folder, 'global', name), 'not a database');
    await expect(openPglite(folder)).rejects.toThrow(new RegExp(`${folder}.*damaged.*DATABASE_URL`, 's'));
    expect(existsSync(`${folder}.lock`)).toBe(false);
  });

  it('that a newer version made is left alone', async () => {
    const { PGlite } = await import('@electric-sql/pglite');
    const { vector } = await import('@electric-sql/pglite-pgvector');
    const db = await PGlite.create({ dataDir: folder, extensions: { vector } });
    await db.exec(`insert into drizzle.__drizzle_migrations (hash, created_at) values ('from the future', ${Date.now() * 10})`);
    await db.close();
    await expect(openPglite(folder)).rejects.toThrow(StartError);
    await expect(openPglite(folder)).rejects.toThrow('newer version');
  });

  it('undoes a transaction in which it broke down, and goes on', async () => {
    const store = await openPglite(folder);
    const call = background({ tenant: 'breaks', timeoutMs: 10_000 });
    const broken = store.within(call, async (tx) => {
      await tx.execute(sql`insert into customer_history values ('breaks', 'i', 'c', 'CALL', '', 'OPEN', null, now())`);
      await tx.execute(sql`do $$ begin raise exception using errcode = '57P01'; end $$`);
    });
    await expect(broken).rejects.toMatchObject({ reason: 'STORE_UNREACHABLE' });
    expect(await store.within(call, (tx) => rowsOf(tx, sql`select id from customer_history`))).toEqual([]);
    await store.close();
  });

  it('loses nothing that it acknowledged when its process is killed', async () => {
    const writer = join(fileURLToPath(new URL('.', import.meta.url)), 'pgliteWriter.mjs');
    for (let kill = 1; kill <= 2; kill += 1) {
      const child = spawn(process.execPath, [writer, folder, String(kill)], { stdio: ['ignore', 'pipe', 'inherit'] });
      const acknowledged: string[] = [];
      createInterface({ input: child.stdout }).on('line', (line) => acknowledged.push(line));
      await until(() => acknowledged.length >= 200);
      child.kill('SIGKILL');
      await once(child, 'close');
      const store = await openPglite(folder);
      const call = background({ tenant: 'kill', timeoutMs: 10_000 });
      const kept = new Set(
        (await store.within(call, (tx) => rowsOf<{ id: string }>(tx, sql`select id from customer_history`))).map((row) => row.id),
      );
      expect(acknowledged.filter((id) => !kept.has(id))).toEqual([]);
      await store.close();
    }
  });
});

describe.runIf(process.env['DATABASE_URL'])('Postgres', () => {
  let database: Awaited<ReturnType<typeof scratchDatabase>>;
  beforeEach(async () => {
    database = await scratchDatabase();
  });
  afterEach(() => database.close());
  const open = (url = database.url) => openPostgres(postgresOptions(url));
  const through = async () => {
    const { hostname, port } = new URL(database.url);
    const proxy = await tcpProxy({ host: hostname, port: Number(port || 5432) });
    const url = new URL(database.url);
    url.hostname = '127.0.0.1';
    url.port = String(proxy.port);
    return { proxy, url: url.href };
  };

  it('is migrated once by many that start together', async () => {
    const stores = await Promise.all(Array.from({ length: 4 }, () => open()));
    const { rows } = await database.query('select hash, count(*)::int as n from drizzle.__drizzle_migrations group by hash');
    expect(rows.map((r: { n: number }) => r.n)).toEqual(rows.map(() => 1));
    expect(rows.length).toBeGreaterThan(0);
    await Promise.all(stores.map((s) => s.close()));
  });

  it('that a newer version migrated is left alone', async () => {
    await (await open()).close();
    await database.query(`insert into drizzle.__drizzle_migrations (hash, created_at) values ('from the future', ${Date.now() * 10})`);
    await expect(open()).rejects.toThrow('newer version');
  });

  it('that holds tables of somebody else is left alone', async () => {
    await database.query('create table queries (id int)');
    await expect(open()).rejects.toThrow(/same names that Replymesh did not make.*DATABASE_URL/);
    await database.query('drop table queries');
    await (await open()).close();
    await database.query("update drizzle.__drizzle_migrations set hash = 'of another application'");
    await expect(open()).rejects.toThrow('belongs to another application');
  });

  it('that is not there stops the start with what to do, and without the password', async () => {
    const start = (url: string) =>
      openPostgres({ ...postgresOptions(url), startTimeoutMs: 300 }).then(
        () => new Error('it started'),
        (e: Error) => e,
      );
    const away = await start('postgres://me:hunter2@127.0.0.1:1/replymesh');
    expect([away instanceof StartError, away.message]).toEqual([
      true,
      expect.stringMatching(/127\.0\.0\.1:1\/replymesh does not answer.*ECONNREFUSED.*DATABASE_URL/s),
    ]);
    const unknown = new URL(database.url);
    unknown.pathname = '/no_such_database';
    const missing = await start(unknown.href);
    expect([missing instanceof StartError, missing.message]).toEqual([true, expect.stringMatching(/no such database/)]);
    expect(away.message + missing.message).not.toContain('hunter2');
  });

  it('that comes a little later than the service is waited for', async () => {
    const { proxy, url } = await through();
    proxy.state.refuse = true;
    const starting = open(url);
    setTimeout(() => {
      proxy.state.refuse = false;
    }, 300);
    await (await starting).close();
    await proxy.close();
  });

  it('plans what every message asks once, and not each time', async () => {
    const store = await openPostgres({ ...postgresOptions(database.url), connections: 1 });
    const mesh = await startContext(store);
    const t = newTenant();
    // Postgres plans for the values at hand at most five times before it compares with a plan for any.
    for (let n = 0; n < 10; n += 1) {
      const query = aQuery({ customerId: `c${n}` });
      await mesh.context.recordDecision({ query }, t.as);
      await mesh.context.listQueries({}, t.as);
      await mesh.context.getContext({ customerId: query.customerId }, t.as);
    }
    const prepared = await store.within(t.as.within, (tx) =>
      rowsOf<{ statement: string; planned: number }>(
        tx,
        sql`select statement, custom_plans::int as planned from pg_prepared_statements where name like 'replymesh%' and generic_plans > 0`,
      ),
    );
    for (const hot of ['insert into queries', 'order by q.created_at desc', 'left join customer_versions v'])
      expect(prepared.find(({ statement }) => statement.includes(hot))?.planned).toBeLessThanOrEqual(5);
    await mesh.close();
    await store.close();
  });

  describe('behind a network that fails', () => {
    let proxy: Awaited<ReturnType<typeof tcpProxy>>;
    let store: Store;
    let mesh: Awaited<ReturnType<typeof startContext>>;
    beforeEach(async () => {
      const made = await through();
      proxy = made.proxy;
      store = await openPostgres({ ...postgresOptions(made.url), statementTimeoutMs: 1000 });
      mesh = await startContext(store);
    });
    afterEach(async () => {
      await mesh.close();
      await store.close();
      await proxy.close();
    });
    const stored = async () =>
      (
        await database.query(
          'select (select count(*) from queries)::int as queries, (select count(*) from outbox)::int as events, (select count(*) from customer_history)::int as lines',
        )
      ).rows[0];

    it('stores a decision once though the answer to its COMMIT is lost and the caller asks again', async () => {
      const { as } = newTenant();
      const query = aQuery({ customerId: 'c-1', requestId: 'r-1' });
      let [cuts, sent] = [0, false];
      proxy.state.cutAfter = (bytes) => {
        // Others commit, too.
        sent ||= bytes.includes('insert into queries');
        return sent && bytes.includes('COMMIT') && ++cuts === 1;
      };
      // The client factory repeats what the contract calls idempotent.
      const { query: standing } = await mesh.context.recordDecision({ query, fingerprint: 'a'.repeat(64) }, as);
      expect([cuts > 0, standing]).toEqual([true, query]);
      expect(await stored()).toEqual({ queries: 1, events: 1, lines: 1 });
    });

    it('stores nothing of a decision whose transaction is cut before its end', async () => {
      const { as } = newTenant();
      proxy.state.cutAfter = (bytes) => bytes.includes('jsonb_to_recordset');
      expect(await reasonOf(mesh.context.recordDecision({ query: aQuery({ customerId: 'c-1' }) }, as))).toBe('STORE_UNREACHABLE');
      expect(await stored()).toEqual({ queries: 0, events: 0, lines: 0 });
    });

    it('says that it is unreachable, quickly, and recovers by itself', async () => {
      const { as } = newTenant();
      const query = aQuery();
      await mesh.context.recordDecision({ query }, as);
      proxy.state.refuse = true;
      proxy.cut();
      expect(await reasonOf(mesh.context.getQuery({ id: query.id }, as))).toBe('STORE_UNREACHABLE');
      proxy.state.refuse = false;
      await until(async () => (await reasonOf(mesh.context.getQuery({ id: query.id }, as))) === 'it succeeded');
    });

    it('does not wait for ever for a server that is silent', async () => {
      const { as } = newTenant();
      // Every connection of the pool is open by now, so that it is a statement that hangs.
      await Promise.all(Array.from({ length: 8 }, () => mesh.context.listQueries({}, as)));
      proxy.state.silent = true;
      expect(await reasonOf(mesh.context.getQuery({ id: aQuery().id }, as))).toBe('STORE_UNREACHABLE');
      proxy.state.silent = false;
      proxy.cut();
      await until(async () => (await reasonOf(mesh.context.listQueries({}, as))) === 'it succeeded');
    });
  });

  it('ends a statement at the deadline of the call that asked for it', async () => {
    const store = await open();
    const call = background({ tenant: 't', timeoutMs: 200 });
    await expect(store.within(call, (tx) => tx.execute(sql`select pg_sleep(30)`))).rejects.toThrow();
    await until(
      async () =>
        (
          await database.query(
            "select 1 from pg_stat_activity where query like '%pg_sleep(30)%' and state = 'active' and pid <> pg_backend_pid()",
          )
        ).rowCount === 0,
    );
    await store.close();
  });
});
