import { createHash } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Action, type Query } from '../../gen/replymesh/type/v1/decision.js';
import { aQuery, newQueryId, newTenant, openTestStore, reasonOf, startContext, storeKinds } from './context.fixture.js';
import { rowsOf, type Store } from './store.js';

const print = (text: string): string => createHash('sha256').update(text).digest('hex');
const HOUR_MS = 3_600_000;

describe.each(storeKinds)('decisions on %s', (kind) => {
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
  const record = (query: Query, as: ReturnType<typeof newTenant>['as'], fingerprint = query.requestId && print('same')) =>
    mesh.context.recordDecision({ query, fingerprint }, as);
  const reserve = (
    requestId: string,
    queryId: string,
    as: ReturnType<typeof newTenant>['as'],
    fingerprint = print('same'),
    leaseMs = 10_000,
  ) => mesh.context.reserveRequest({ requestId, queryId, fingerprint, lease: { seconds: leaseMs / 1000, nanos: 0 } }, as);
  const countsOf = async ({ as, tenant }: ReturnType<typeof newTenant>) => {
    const [own] = await store.within(as.within, (tx) =>
      rowsOf<{ queries: string; interactions: string }>(
        tx,
        sql`select (select count(*) from queries)::int as queries, (select count(*) from customer_history)::int as interactions`,
      ),
    );
    const events = await store.background((tx) =>
      rowsOf<{ type: string; payload: object }>(tx, sql`select type, payload from outbox where tenant = ${tenant} order by position`),
    );
    return { ...own, events: events.map((e) => e.type), payloads: events.map((e) => e.payload) };
  };

  it("are stored whole, with the event that announces them and a line in the customer's history, all or nothing", async () => {
    const t = newTenant();
    const query = aQuery({ customerId: 'c-1', action: Action.ESCALATE, text: 'NUL \0 is kept, and "quotes" and \\ too' });
    expect(await record(query, t.as)).toEqual({ created: true });
    expect(await mesh.context.getQuery({ id: query.id }, t.as)).toEqual({ query });
    expect(await countsOf(t)).toMatchObject({ queries: 1, interactions: 1, events: ['QueryEscalated'] });
    expect((await mesh.context.getContext({ customerId: 'c-1' }, t.as)).interactions).toMatchObject([
      { id: query.id, type: 'QUERY', summary: 'get_refund' },
    ]);
  });

  it('announce themselves without a word of the customer', async () => {
    const t = newTenant();
    await record(aQuery({ text: 'a secret' }), t.as);
    const { payloads, events } = await countsOf(t);
    expect(events).toEqual(['QueryProcessed']);
    expect(JSON.stringify(payloads)).toContain('get_refund');
    expect(JSON.stringify(payloads)).not.toContain('secret');
  });

  it('are stored once, however often and however much at once the same one is sent', async () => {
    const t = newTenant();
    const query = aQuery({ customerId: 'c-1', requestId: 'r-1' });
    const answers = await Promise.all(Array.from({ length: 20 }, () => record(query, t.as)));
    expect(answers.filter((a) => a.created)).toHaveLength(1);
    expect(answers.every((a) => a.created || a.query?.id === query.id)).toBe(true);
    expect(await countsOf(t)).toMatchObject({ queries: 1, interactions: 1, events: ['QueryProcessed'] });
  });

  it('give the first answer to every query with the same request id', async () => {
    const t = newTenant();
    const queries = Array.from({ length: 10 }, () => aQuery({ requestId: 'r-1' }));
    const answers = await Promise.all(queries.map((query) => record(query, t.as)));
    const first = queries[answers.findIndex((a) => a.created)];
    expect(answers.filter((a) => !a.created).map((a) => a.query?.id)).toEqual(Array.from({ length: 9 }, () => first?.id));
    expect((await countsOf(t)).queries).toBe(1);
  });

  it('of different tenants never share a request id', async () => {
    const answers = await Promise.all([newTenant(), newTenant()].map((t) => record(aQuery({ requestId: 'r-1' }), t.as)));
    expect(answers.map((a) => a.created)).toEqual([true, true]);
  });

  it('refuse a request id that stands for another request, and store nothing then', async () => {
    const t = newTenant();
    await record(aQuery({ requestId: 'r-1', customerId: 'c-1' }), t.as, print('one'));
    expect(await reasonOf(record(aQuery({ requestId: 'r-1', customerId: 'c-1' }), t.as, print('other')))).toBe('REQUEST_ID_REUSED');
    expect(await countsOf(t)).toMatchObject({ queries: 1, interactions: 1, events: ['QueryProcessed'] });
  });

  it('let many callers in at once, each with its own answer', async () => {
    const t = newTenant();
    const queries = Array.from({ length: 100 }, (_, i) => aQuery({ customerId: `c-${i % 7}`, text: `message ${i}` }));
    const answers = await Promise.all(queries.map((q) => record(q, t.as)));
    expect(answers.every((a) => a.created)).toBe(true);
    const again = await Promise.all(queries.map((q) => record(q, t.as)));
    expect(again.map((a) => a.query?.text)).toEqual(queries.map((q) => q.text));
    expect(await countsOf(t)).toMatchObject({ queries: 100, interactions: 100 });
  });

  it('of which one cannot be stored leave the others alone', async () => {
    const t = newTenant();
    // A year that Postgres does not know.
    const bad = aQuery({ createTime: new Date(-8.64e15) });
    const results = await Promise.allSettled([record(aQuery(), t.as), record(bad, t.as), record(aQuery(), t.as)]);
    expect(results.map((r) => r.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((await countsOf(t)).queries).toBe(2);
  });

  it('that nobody stored are not found', async () => {
    expect(await reasonOf(mesh.context.getQuery({ id: newQueryId() }, newTenant().as))).toBe('QUERY_NOT_FOUND');
  });

  describe('a request id', () => {
    it("is one caller's at a time, and says until when", async () => {
      const { as } = newTenant();
      const outcomes = await Promise.all(Array.from({ length: 8 }, () => reserve('r-1', newQueryId(), as)));
      expect(outcomes.map((o) => o.outcome?.$case).sort()).toEqual([...Array(7).fill('inProgress'), 'reserved']);
      expect(outcomes.find((o) => o.outcome?.$case === 'inProgress')?.outcome?.value).toEqual({
        expireTime: new Date(mesh.clock.now.getTime() + 10_000),
      });
    });

    it("stays the caller's who asks again because the answer was lost", async () => {
      const { as } = newTenant();
      const id = newQueryId();
      expect((await reserve('r-1', id, as)).outcome?.$case).toBe('reserved');
      expect((await reserve('r-1', id, as)).outcome?.$case).toBe('reserved');
    });

    it('gives the record once there is one', async () => {
      const { as } = newTenant();
      const query = aQuery({ requestId: 'r-1' });
      await reserve('r-1', query.id, as);
      await record(query, as);
      expect(await reserve('r-1', newQueryId(), as)).toEqual({ outcome: { $case: 'completed', value: query } });
    });

    it('is refused for another request, before and after the answer', async () => {
      const { as } = newTenant();
      const query = aQuery({ requestId: 'r-1' });
      await reserve('r-1', query.id, as);
      expect(await reasonOf(reserve('r-1', newQueryId(), as, print('other')))).toBe('REQUEST_ID_REUSED');
      await record(query, as);
      expect(await reasonOf(reserve('r-1', newQueryId(), as, print('other')))).toBe('REQUEST_ID_REUSED');
    });

    it('passes to another caller when its lease ends, and the first record stands, whoever brings it', async () => {
      const { as } = newTenant();
      const [slow, quick] = [
        aQuery({ requestId: 'r-1', createTime: mesh.clock.now }),
        aQuery({ requestId: 'r-1', createTime: mesh.clock.now }),
      ];
      await reserve('r-1', slow.id, as, print('same'), 1000);
      mesh.clock.now = new Date(mesh.clock.now.getTime() + 1000);
      expect((await reserve('r-1', quick.id, as)).outcome?.$case).toBe('reserved');
      expect(await record(slow, as)).toEqual({ created: true });
      expect(await record(quick, as)).toEqual({ query: slow, created: false });
    });

    it('is free again once its claim is given back, and stays who else holds it or what was recorded for it', async () => {
      const { as } = newTenant();
      const [first, second] = [newQueryId(), aQuery({ requestId: 'r-1' })];
      const release = (queryId: string) => mesh.context.releaseRequest({ requestId: 'r-1', queryId }, as);
      const outcomeFor = async (queryId: string) => (await reserve('r-1', queryId, as)).outcome?.$case;
      await reserve('r-1', first, as);
      await release(newQueryId());
      expect(await outcomeFor(second.id)).toBe('inProgress');
      await release(first);
      await release(first);
      expect(await outcomeFor(second.id)).toBe('reserved');
      await record(second, as);
      await release(second.id);
      expect(await outcomeFor(first)).toBe('completed');
    });

    it('is honoured for 24 hours and as good as new after that', async () => {
      const { as } = newTenant();
      const first = aQuery({ requestId: 'r-1' });
      await record(first, as);
      await record(aQuery({ requestId: 'r-2' }), as);
      mesh.clock.now = new Date(mesh.clock.now.getTime() + 24 * HOUR_MS - 1);
      expect((await reserve('r-1', newQueryId(), as)).outcome?.$case).toBe('completed');
      mesh.clock.now = new Date(mesh.clock.now.getTime() + 1);
      const second = aQuery({ requestId: 'r-1' });
      expect((await reserve('r-1', second.id, as, print('quite another'))).outcome?.$case).toBe('reserved');
      expect(await record(second, as, print('quite another'))).toEqual({ created: true });
      expect(await record(first, as)).toEqual({ query: first, created: false });
      const unreserved = aQuery({ requestId: 'r-2' });
      expect(await record(unreserved, as)).toEqual({ created: true });
    });
  });
});
