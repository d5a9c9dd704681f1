import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ListQueriesRequest } from '../../gen/replymesh/context/v1/context_service.js';
import { Action, type Query } from '../../gen/replymesh/type/v1/decision.js';
import { aQuery, newTenant, openTestStore, reasonOf, startContext, storeKinds } from './context.fixture.js';
import type { Store } from './store.js';

const START = new Date('2026-11-01T00:00:00Z').getTime();

describe.each(storeKinds)('the list of queries on %s', (kind) => {
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
  type As = ReturnType<typeof newTenant>['as'];
  const insert = (queries: readonly Query[], as: As) =>
    Promise.all(queries.map((query) => mesh.context.recordDecision({ query, fingerprint: '' }, as)));
  const list = (request: Partial<ListQueriesRequest>, as: As) => mesh.context.listQueries(request, as);
  /** Reads every page; `between` runs after each. */
  const walk = async (request: Partial<ListQueriesRequest>, as: As, between: () => Promise<unknown> = async () => {}) => {
    const ids: string[] = [];
    for (let pageToken = '', more = true; more; ) {
      const page = await list({ ...request, pageToken }, as);
      ids.push(...page.queries.map((q) => q.id));
      pageToken = page.nextPageToken;
      more = pageToken !== '';
      if (more) await between();
    }
    return ids;
  };
  /** Few distinct times, so that many are the same. */
  const queries = (n: number): Query[] =>
    Array.from({ length: n }, (_, i) =>
      aQuery({
        createTime: new Date(START + ((i * 7) % 5) * 1000),
        customerId: `c-${i % 3}`,
        intent: i % 2 ? 'cancel_order' : 'get_refund',
        action: i % 4 ? Action.AUTO : Action.ESCALATE,
      }),
    );
  const newestFirst = (rows: readonly Query[]): string[] =>
    [...rows].sort((a, b) => Number(b.createTime) - Number(a.createTime) || (a.id < b.id ? 1 : -1)).map((q) => q.id);

  it('visits each matching record exactly once, newest first, whatever the page size, also while others are stored', async () => {
    const t = newTenant();
    const rows = queries(23);
    await insert(rows, t.as);
    const at = fc.integer({ min: 0, max: 4 }).map((second) => new Date(START + second * 1000));
    const rarely = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 });
    const filters = fc.record({
      customerId: rarely(fc.constantFrom('c-0', 'c-1', 'nobody')),
      intent: rarely(fc.constantFrom('cancel_order', 'get_refund')),
      action: rarely(fc.constantFrom(Action.AUTO, Action.ESCALATE, Action.DRAFT)),
      startTime: rarely(at),
      endTime: rarely(at),
    });
    const matches = (f: Partial<ListQueriesRequest>) => (q: Query) =>
      (!f.customerId || q.customerId === f.customerId) &&
      (!f.intent || q.decision?.intents[0]?.label === f.intent) &&
      (!f.action || q.decision?.action === f.action) &&
      (!f.startTime || Number(q.createTime) >= Number(f.startTime)) &&
      (!f.endTime || Number(q.createTime) < Number(f.endTime));
    let newer = START + 10_000;
    const storeOneMore = async (): Promise<void> => {
      newer += 1;
      const one = aQuery({ createTime: new Date(newer), customerId: 'c-0' });
      rows.push(one);
      await insert([one], t.as);
    };
    await fc.assert(
      fc.asyncProperty(filters, fc.integer({ min: 1, max: 7 }), async (filter, pageSize) => {
        const expected = newestFirst(rows.filter(matches(filter)));
        expect(await walk({ ...filter, pageSize }, t.as, storeOneMore)).toEqual(expected);
      }),
      { numRuns: 25 },
    );
  });

  it('holds 50 a page when nobody says how many, and no token at the end', async () => {
    const { as } = newTenant();
    await insert(queries(51), as);
    const first = await list({}, as);
    expect(first.queries).toHaveLength(50);
    const second = await list({ pageToken: first.nextPageToken }, as);
    expect([second.queries.length, second.nextPageToken]).toEqual([1, '']);
    expect((await list({ pageSize: 51 }, as)).nextPageToken).toBe('');
  });

  it('takes a token only with the filter, tenant and list that it was made for', async () => {
    const [t, other] = [newTenant(), newTenant()];
    await insert(queries(3), t.as);
    const { nextPageToken: pageToken } = await list({ pageSize: 1 }, t.as);
    expect(await reasonOf(list({ pageToken, intent: 'get_refund' }, t.as))).toBe('PAGE_TOKEN_INVALID');
    expect(await reasonOf(list({ pageToken }, other.as))).toBe('PAGE_TOKEN_INVALID');
    expect(await reasonOf(mesh.knowledge.listArticles({ pageToken }, t.as))).toBe('PAGE_TOKEN_INVALID');
    expect(await reasonOf(list({ pageToken: 'garbage' }, t.as))).toBe('PAGE_TOKEN_INVALID');
    // Another page size is no other list.
    expect((await list({ pageToken, pageSize: 5 }, t.as)).queries).toHaveLength(2);
  });

  it('ends a page early rather than send more than a message holds', async () => {
    const { as } = newTenant();
    const large = Array.from({ length: 60 }, () => aQuery({ text: 'x'.repeat(90_000) }));
    await insert(large, as);
    expect((await walk({ pageSize: 200 }, as)).sort()).toEqual(large.map((q) => q.id).sort());
  });
});
