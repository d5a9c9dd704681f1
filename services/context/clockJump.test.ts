import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Action } from '../../gen/replymesh/type/v1/decision.js';
import { aQuery, newTenant, openTestStore, startContext, storeKinds, until } from './context.fixture.js';
import { forgetOld, makeQueryPartitions } from './queryPartitions.js';
import { startRelay } from './relay.js';
import type { OutboxEvent, Sink } from './relaySink.js';
import { expireRequests } from './requestExpiry.js';
import { rollUpEvents } from './rollUpEvents.js';
import { rowsOf, type Store } from './store.js';

const DAY_MS = 86_400_000;
const NOON = new Date('2026-11-30T12:00:00Z');
const jumped = (days: number): Date => new Date(NOON.getTime() + days * DAY_MS);

describe.each(storeKinds)('a clock that jumps by a day, with %s,', (kind) => {
  let store: Store;
  let mesh: Awaited<ReturnType<typeof startContext>>;
  beforeAll(async () => {
    store = await openTestStore(kind, true);
    mesh = await startContext(store, { redisUrl: kind === 'Postgres' ? process.env['REDIS_URL'] : undefined });
  });
  afterAll(async () => {
    await mesh.close();
    await store.close();
  });
  type Tenant = ReturnType<typeof newTenant>;
  const record = async ({ as }: Tenant, days: number, requestId = '') => {
    mesh.clock.now = jumped(days);
    const query = aQuery({ customerId: 'c-1', action: Action.DRAFT, createTime: mesh.clock.now, requestId });
    await mesh.context.recordDecision({ query, fingerprint: requestId && 'a'.repeat(64) }, as);
    return query;
  };
  const total = async ({ as }: Tenant) => (await mesh.context.getContext({ customerId: 'c-1' }, as)).features;

  it('stores and announces every decision once, keeps the chain whole, and lists by the times that they tell', async () => {
    const t = newTenant();
    const queries = [];
    for (const days of [0, 1, -1, 0]) queries.push(await record(t, days));
    const sent = [queries[1], queries[3], queries[0], queries[2]].map((query) => query!.createTime);
    const listed = (await mesh.context.listQueries({}, t.as)).queries;
    expect(listed.map((query) => query.createTime)).toEqual(sent);
    expect(new Set(listed.map(({ id }) => id))).toEqual(new Set(queries.map(({ id }) => id)));
    const events = await store.background((tx) =>
      rowsOf<{ subject: string }>(tx, sql`select subject from outbox where tenant = ${t.tenant} order by position`),
    );
    expect(events.map(({ subject }) => subject)).toEqual(queries.map(({ id }) => id));
    expect(await mesh.audit.verifyAuditLog({}, t.as)).toMatchObject({ recordCount: 4, fault: undefined });
  });

  it('keeps the features of a customer equal to a recount, and never takes an older count for a newer one', async () => {
    const t = newTenant();
    let lines = 0;
    for (const days of [0, 1, -1, -1, 0]) {
      await record(t, days);
      lines += 1;
      expect(await total(t)).toMatchObject({ interactionsTotal: lines, openInteractions: lines, interactions30d: lines });
    }
    // The last line is of tomorrow: it counts as happening now.
    expect(await total(t)).toMatchObject({ daysSinceLast: 0 });
  });

  it('puts a message of a month to come into its partition, or into the default one, from which it moves', async () => {
    const t = newTenant();
    await makeQueryPartitions(store, NOON);
    const query = await record(t, 1);
    const places = () =>
      store.within(t.as.within, (tx) =>
        rowsOf<{ place: string }>(tx, sql`select tableoid::regclass::text as place from queries order by created_at`),
      );
    expect(await places()).toEqual([{ place: 'queries_2026_12' }]);
    await record(t, 100);
    expect((await places())[1]).toEqual({ place: 'queries_default' });
    await makeQueryPartitions(store, jumped(100));
    expect((await places())[1]).toEqual({ place: 'queries_2027_03' });
    expect((await mesh.context.getQuery({ id: query.id }, t.as)).query?.id).toBe(query.id);
  });

  it('deletes nothing before its time: retention goes by the earlier of two clocks, and backwards it deletes less', async () => {
    const t = newTenant();
    const today = new Date();
    const old = new Date(Date.UTC(today.getUTCFullYear(), today.getUTCMonth() - 1, 1, 12));
    const query = aQuery({ createTime: old });
    await mesh.context.recordDecision({ query }, t.as);
    // By a clock that is two months ahead the message would be over.
    for (const days of [1, 62, -1]) await forgetOld(store, 40, new Date(today.getTime() + days * DAY_MS), new AbortController().signal);
    expect((await mesh.context.getQuery({ id: query.id }, t.as)).query?.id).toBe(query.id);
  });

  it('ends a lease early or late, and either way one record stands for a request', async () => {
    const t = newTenant();
    const [first, second] = [aQuery({ requestId: 'r-1' }), aQuery({ requestId: 'r-1' })];
    const reserve = (query: typeof first) =>
      mesh.context.reserveRequest(
        { requestId: 'r-1', fingerprint: 'a'.repeat(64), queryId: query.id, lease: { seconds: 30, nanos: 0 } },
        t.as,
      );
    mesh.clock.now = NOON;
    expect((await reserve(first)).outcome?.$case).toBe('reserved');
    mesh.clock.now = jumped(-1);
    expect((await reserve(second)).outcome?.$case).toBe('inProgress');
    // A day is also how long an id gives its first answer, and a claim is less than that.
    mesh.clock.now = jumped(0.9);
    expect((await reserve(second)).outcome?.$case).toBe('reserved');
    const answers = await Promise.all(
      [first, second].map((query) => mesh.context.recordDecision({ query, fingerprint: 'a'.repeat(64) }, t.as)),
    );
    // Who stored it is told no more than that.
    expect(new Set(answers.map(({ query }, i) => (query ?? [first, second][i])?.id)).size).toBe(1);
    expect(answers.filter(({ created }) => created)).toHaveLength(1);
    mesh.clock.now = jumped(-1);
    await expireRequests(store, mesh.clock.now);
    expect((await reserve(aQuery({ requestId: 'r-1' }))).outcome?.$case).toBe('completed');
  });

  it('carries every event in the order in which it was written, and counts each once, whatever its time', async () => {
    const t = newTenant();
    const ids: string[] = [];
    const carried: OutboxEvent[] = [];
    const deliver = async (events: readonly OutboxEvent[]) => {
      carried.push(...events.filter(({ tenant }) => tenant === t.tenant));
      return [];
    };
    const sink: Sink = { name: 's3', batchSize: 100, deliver, close: () => {} };
    const relay = startRelay({ store, sink, now: () => mesh.clock.now });
    for (const days of [0, 1, -1, 0]) ids.push((await record(t, days)).id);
    await until(() => carried.length >= ids.length);
    await relay.close();
    expect(carried.map(({ subject }) => subject)).toEqual(ids);
    await until(async () => (await rollUpEvents(store)).events === 0);
    const period = { startTime: new Date('2026-11-29T00:00:00Z'), endTime: new Date('2026-12-02T00:00:00Z') };
    expect((await mesh.analytics.getSummary(period, t.as)).summary).toMatchObject({ volume: 4 });
  });
});
