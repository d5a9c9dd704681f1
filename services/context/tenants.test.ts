import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aQuery, newTenant, openTestStore, reasonOf, startContext, storeKinds } from './context.fixture.js';
import { rowsOf, type Store } from './store.js';
import { tableFaults } from './tableFaults.fixture.js';

describe.each(storeKinds)('a tenant on %s', (kind) => {
  let store: Store;
  let mesh: Awaited<ReturnType<typeof startContext>>;
  let mine: ReturnType<typeof newTenant>;
  let other: ReturnType<typeof newTenant>;
  const query = aQuery({ customerId: 'c-1', requestId: 'r-1' });
  beforeAll(async () => {
    // Here, because their calls have a deadline.
    [mine, other] = [newTenant(), newTenant()];
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

  it('sees what is its own', async () => {
    const tables = ['articles', 'customers', 'feedback', 'customer_history', 'passages', 'queries', 'request_reservations'];
    for (const table of tables) expect([table, await count(table, mine.as)]).toEqual([table, 1]);
  });

  it('cannot read, take, delete, forge or empty the rows of another tenant, in any table that there is', async () => {
    expect(await tableFaults(store, newTenant(), newTenant())).toEqual([]);
  });

  it('could, in a table that somebody adds without a policy, which this test would say', async () => {
    await store.owner(async (tx) => {
      await tx.execute(sql`create table unguarded (tenant text not null, id text not null)`);
      await tx.execute(sql`create table of_nobody (id text not null)`);
      await tx.execute(sql`grant all on unguarded, of_nobody to replymesh_app`);
    });
    const faults = (await tableFaults(store, newTenant(), newTenant())).join('\n');
    await store.owner((tx) => tx.execute(sql`drop table unguarded, of_nobody`));
    expect(faults).toContain('unguarded has no row-level security');
    for (const verb of ['read', 'take', 'forge', 'empty']) expect(faults).toContain(`unguarded: one tenant can ${verb} another's rows.`);
    expect(faults).toContain("of_nobody is no tenant's, and yet any tenant may read it.");
    expect(faults).not.toContain('queries');
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

  it('shares what the mesh measured of its models, and cannot change it', async () => {
    const insert = (tenant: string) =>
      sql`insert into model_performance values (${tenant}, 'm', 'support', 'digest', 'accuracy', 0.9, now())`;
    await store.background((tx) => tx.execute(insert('')));
    await store.background((tx) => tx.execute(insert(mine.tenant)));
    expect([await count('model_performance', mine.as), await count('model_performance')]).toEqual([2, 1]);
    await expect(store.within(other.as.within, (tx) => tx.execute(sql`delete from model_performance`))).rejects.toThrow('42501');
    await expect(store.within(other.as.within, (tx) => tx.execute(insert('')))).rejects.toThrow('42501');
  });

  it("reads its audit log, and cannot touch what is there, nor can the mesh's own work", async () => {
    // A decision, feedback on it, and an article.
    expect(await count('audit_log', mine.as)).toBe(3);
    for (const statement of [sql`update audit_log set actor = 'nobody'`, sql`delete from audit_log`, sql`truncate audit_log`]) {
      await expect(store.within(mine.as.within, (tx) => tx.execute(statement))).rejects.toThrow('42501');
      await expect(store.background((tx) => tx.execute(statement))).rejects.toThrow('42501');
    }
  });

  it("lets the mesh's own work at its passages and at the numbers of its queries, but not at its customers and their words", async () => {
    const reach = (columns: string) => store.background((tx) => rowsOf(tx, sql`select ${sql.raw(columns)} limit 1`));
    expect(await reach('title, text from passages')).toHaveLength(1);
    expect(await reach('tenant, created_at, intent, confidence, response_time_ms from queries')).toHaveLength(1);
    for (const columns of [
      ...['query_text', 'response_text', 'record', 'customer_id', 'session_id'].map((c) => `${c} from queries`),
      'id from customers',
    ])
      await expect(reach(columns)).rejects.toThrow('42501');
  });
});
