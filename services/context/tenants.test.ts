import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aQuery, newTenant, openTestStore, reasonOf, startContext, storeKinds } from './context.fixture.js';
import { rowsOf, type Store } from './store.js';

const TABLES = ['articles', 'customers', 'feedback', 'customer_history', 'passages', 'queries', 'request_reservations'] as const;

describe.each(storeKinds)('a tenant on %s', (kind) => {
  let store: Store;
  let mesh: Awaited<ReturnType<typeof startContext>>;
  const mine = newTenant();
  const other = newTenant();
  const query = aQuery({ customerId: 'c-1', requestId: 'r-1' });
  beforeAll(async () => {
    store = await openTestStore(kind);
    mesh = await startContext(store);
    await mesh.context.recordDecision({ query }, mine.as);
    await mesh.feedback.submitFeedback({ queryId: query.id, satisfaction: 5 }, mine.as);
    await mesh.knowledge.createArticle({ article: { id: 'mine', title: 'Mine', body: 'My words.' } }, mine.as);
    await store.within(mine.as.within, (tx) =>
      tx.execute(sql`insert into customers values (${mine.tenant}, 'c-1', 'Ada', 'PLUS', 'en', '[]', now(), now())`),
    );
  });
  afterAll(async () => {
    await mesh.close();
    await store.close();
  });
  const count = (table: string, as = other.as) =>
    store.within(as.within, (tx) => rowsOf<{ n: number }>(tx, sql`select count(*)::int as n from ${sql.raw(table)}`)).then((r) => r[0]?.n);

  it('sees its own rows, and another tenant not one of them, in any table', async () => {
    for (const table of TABLES) expect([table, await count(table, mine.as), await count(table)]).toEqual([table, 1, 0]);
  });

  it('reaches nothing of another tenant through any call', async () => {
    expect(await reasonOf(mesh.context.getQuery({ id: query.id }, other.as))).toBe('QUERY_NOT_FOUND');
    expect(await reasonOf(mesh.knowledge.getArticle({ id: 'mine' }, other.as))).toBe('ARTICLE_NOT_FOUND');
    expect((await mesh.context.listQueries({}, other.as)).queries).toEqual([]);
    expect((await mesh.context.getContext({ customerId: 'c-1' }, other.as)).known).toBe(false);
    expect((await mesh.knowledge.searchArticles({ text: 'my words', audience: 2 }, other.as)).passages).toEqual([]);
  });

  it("cannot write rows in another's name, nor move its own there, nor change what it does not see", async () => {
    const attempt = (statement: ReturnType<typeof sql>) =>
      store
        .within(other.as.within, (tx) => tx.execute(statement))
        .then(
          () => 'done',
          (e: Error) => e.message,
        );
    const refused = expect.stringContaining('42501');
    expect(await attempt(sql`insert into customers values (${mine.tenant}, 'c-2', 'Eve', 'PLUS', 'en', '[]', now(), now())`)).toEqual(
      refused,
    );
    await store.within(other.as.within, (tx) =>
      tx.execute(sql`insert into customers values (${other.tenant}, 'c-9', 'Eve', 'PLUS', 'en', '[]', now(), now())`),
    );
    expect(await attempt(sql`update customers set tenant = ${mine.tenant}`)).toEqual(refused);
    expect(await attempt(sql`delete from queries`)).toBe('done');
    expect(await count('queries', mine.as)).toBe(1);
  });

  it('cannot read or change the outbox, switch row-level security off, or touch the schema', async () => {
    const tries = [
      sql`select * from outbox`,
      sql`delete from outbox`,
      sql`alter table queries disable row level security`,
      sql`drop table queries`,
      sql`select * from drizzle.__drizzle_migrations`,
    ];
    for (const statement of tries) {
      await expect(store.within(other.as.within, (tx) => tx.execute(statement))).rejects.toThrow('SQLSTATE 42');
    }
  });

  it('leaves no trace of itself for whoever uses the connection next', async () => {
    await Promise.all(Array.from({ length: 8 }, () => count('queries', mine.as)));
    const left = await Promise.all(
      Array.from({ length: 8 }, () =>
        store.background((tx) => rowsOf<{ t: string | null }>(tx, sql`select current_setting('replymesh.tenant', true) as t`)),
      ),
    );
    expect(left.flat().filter((row) => row.t)).toEqual([]);
  });

  it('may have any name: quotes are part of it', async () => {
    const { as } = newTenant();
    const named = (tenant: string) => ({ within: { ...as.within, principal: { ...as.within.principal, tenant } } });
    const name = `o'brien"; reset role; --${mine.tenant}`;
    await mesh.context.recordDecision({ query: aQuery() }, named(name));
    expect(await count('queries', named(name))).toBe(1);
    expect(await count('queries', named("o'brien"))).toBe(0);
  });

  it('is closed off by policies that hold for the owner of the tables too, on every table there is', async () => {
    const open = await store.within(mine.as.within, (tx) =>
      rowsOf<{ relname: string }>(
        tx,
        sql`select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace and not (relrowsecurity and relforcerowsecurity)`,
      ),
    );
    expect(open).toEqual([]);
  });

  it('is searched in a way that lets the background role at passages, but not at queries', async () => {
    expect((await store.background((tx) => rowsOf(tx, sql`select id from passages`))).length).toBeGreaterThan(0);
    await expect(store.background((tx) => tx.execute(sql`select * from queries`))).rejects.toThrow('SQLSTATE 42501');
  });
});
