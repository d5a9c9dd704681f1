import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Query } from '../../gen/replymesh/type/v1/decision.js';
import { aQuery, newTenant, openTestStore, reasonOf, startContext, storeKinds, testKeys } from './context.fixture.js';
import { contextKey } from './contextKey.js';
import { seed } from './seed.js';
import { rowsOf, type Store } from './store.js';

const MARK = 'zanzibarian umbrella';

describe.each(storeKinds)("a customer's words on %s", (kind) => {
  let store: Store;
  let mesh: Awaited<ReturnType<typeof startContext>>;
  beforeAll(async () => {
    store = await openTestStore(kind);
    mesh = await startContext(store);
  });
  afterAll(async () => {
    await mesh.close();
    await store.close();
  });
  type Tenant = ReturnType<typeof newTenant>;
  const keysOf = ({ as, tenant }: Tenant) =>
    store.within(as.within, (tx) =>
      rowsOf<{ customer_id: string }>(tx, sql`select customer_id from customer_keys where tenant = ${tenant} order by customer_id`),
    );
  const destroy = ({ as }: Tenant, customerId: string) =>
    store.within(as.within, (tx) => tx.execute(sql`delete from customer_keys where customer_id = ${customerId}`));
  const withReply = (customerId: string): Query => {
    const query = aQuery({ customerId, text: `Where is my ${MARK}?` });
    return Query.fromPartial({ ...query, decision: { ...query.decision, reply: { text: `Your ${MARK} is on its way.` } } });
  };

  it('stand in no table in the clear, and are read back as they were', async () => {
    const t = newTenant();
    const query = withReply('c-1');
    await mesh.context.recordDecision({ query }, t.as);
    await seed(store, testKeys(), t.tenant, mesh.clock.now);
    expect(await mesh.context.getQuery({ id: query.id }, t.as)).toEqual({ query });
    expect((await mesh.context.getContext({ customerId: 'cus_ada' }, t.as)).profile?.displayName).toBe('Ada Mensah');
    const all = await store.within(t.as.within, (tx) =>
      rowsOf<{ row: object }>(
        tx,
        sql`select to_jsonb(q) as row from queries q union all select to_jsonb(c) from customers c union all select to_jsonb(k) from customer_keys k`,
      ),
    );
    const bytes = all.flatMap(({ row }) =>
      Object.values(row).map((v) => (String(v).startsWith('\\x') ? Buffer.from(String(v).slice(2), 'hex') : Buffer.from(String(v)))),
    );
    expect(bytes.length).toBeGreaterThan(20);
    expect(bytes.filter((b) => b.includes(MARK) || b.includes('Mensah') || b.includes('get_refund\n'))).toEqual([]);
  });

  it('are not in the cache in the clear either', async () => {
    const t = newTenant();
    await seed(store, testKeys(), t.tenant, mesh.clock.now);
    const first = await mesh.context.getContext({ customerId: 'cus_ada' }, t.as);
    const cached = await mesh.cache.get(contextKey(t.tenant, 'cus_ada'));
    expect(Buffer.from(cached!).includes('Ada')).toBe(false);
    expect(await mesh.context.getContext({ customerId: 'cus_ada' }, t.as)).toEqual(first);
  });

  it('are read from the database when the cache holds something else', async () => {
    const t = newTenant();
    await seed(store, testKeys(), t.tenant, mesh.clock.now);
    for (const bytes of [Buffer.of(), Buffer.of(8, 1), Buffer.alloc(200, 60), Buffer.of(0, 255)]) {
      await mesh.cache.set(contextKey(t.tenant, 'cus_ada'), bytes);
      expect((await mesh.context.getContext({ customerId: 'cus_ada' }, t.as)).profile?.displayName).toBe('Ada Mensah');
    }
  });

  it('have one key for each customer, and one for all whom nobody knows, however many instances write first', async () => {
    const t = newTenant();
    const other = await startContext(store);
    const queries = ['c-1', 'c-2', ''].flatMap((customerId) => [1, 2, 3, 4].map(() => aQuery({ customerId })));
    await Promise.all(queries.map((query, i) => (i % 2 ? mesh : other).context.recordDecision({ query }, t.as)));
    expect((await keysOf(t)).map((k) => k.customer_id)).toEqual(['', 'c-1', 'c-2']);
    for (const query of queries)
      for (const instance of [mesh, other]) expect(await instance.context.getQuery({ id: query.id }, t.as)).toEqual({ query });
    await other.close();
  });

  it('cannot be read once their key is gone: the message is not found, and lists leave it out', async () => {
    const t = newTenant();
    const [gone, stays] = [aQuery({ customerId: 'c-1' }), aQuery({ customerId: 'c-2' })];
    for (const query of [gone, stays]) await mesh.context.recordDecision({ query }, t.as);
    await mesh.context.getQuery({ id: gone.id }, t.as);
    await destroy(t, 'c-1');
    expect(await reasonOf(mesh.context.getQuery({ id: gone.id }, t.as))).toBe('QUERY_NOT_FOUND');
    expect((await mesh.context.listQueries({}, t.as)).queries).toEqual([stays]);
    const next = aQuery({ customerId: 'c-1' });
    await mesh.context.recordDecision({ query: next }, t.as);
    expect(await mesh.context.getQuery({ id: next.id }, t.as)).toEqual({ query: next });
  });

  it("cannot be passed off as another message's", async () => {
    const t = newTenant();
    const [one, other] = [aQuery({ customerId: 'c-1' }), aQuery({ customerId: 'c-1' })];
    for (const query of [one, other]) await mesh.context.recordDecision({ query }, t.as);
    await store.within(t.as.within, (tx) =>
      tx.execute(sql`update queries set record = (select record from queries where id = ${one.id}) where id = ${other.id}`),
    );
    expect(await reasonOf(mesh.context.getQuery({ id: other.id }, t.as))).toBe('INTERNAL_ERROR');
  });
});
