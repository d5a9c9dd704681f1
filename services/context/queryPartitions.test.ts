import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aQuery, newTenant, openTestStore, startContext, storeKinds, until } from './context.fixture.js';
import { forgetOld, makeQueryPartition, makeQueryPartitions, startQueryPartitions } from './queryPartitions.js';
import { rowsOf, type Store } from './store.js';

const DAY_MS = 86_400_000;
const NOW = new Date();
const daysAgo = (days: number): Date => new Date(NOW.getTime() - days * DAY_MS);
const partitionOf = (at: Date): string => `queries_${at.toISOString().slice(0, 7).replace('-', '_')}`;

describe.each(storeKinds)('the months of queries on %s', (kind) => {
  let store: Store;
  let mesh: Awaited<ReturnType<typeof startContext>>;
  beforeAll(async () => {
    store = await openTestStore(kind, true);
    mesh = await startContext(store);
  });
  afterAll(async () => {
    await mesh.close();
    await store.close();
  });
  type Tenant = ReturnType<typeof newTenant>;
  const record = async (createTime: Date, { as }: Tenant, customerId = '') => {
    const query = aQuery({ createTime, customerId });
    await mesh.context.recordDecision({ query }, as);
    return query;
  };
  const placeOf = async (id: string, { as }: Tenant) =>
    (
      await store.within(as.within, (tx) =>
        rowsOf<{ place: string }>(tx, sql`select tableoid::regclass::text as place from queries where id = ${id}`),
      )
    )[0]?.place;
  const partitions = async () =>
    (
      await store.owner((tx) =>
        rowsOf<{ name: string }>(tx, sql`select inhrelid::regclass::text as name from pg_inherits where inhparent = 'queries'::regclass`),
      )
    ).map(({ name }) => name);

  it('are this one and the two to come, made at the start', async () => {
    const tending = startQueryPartitions({ store, retentionDays: 0, now: () => new Date('2031-11-30T23:59:59.999Z') });
    await until(async () => (await partitions()).includes('queries_2032_01'));
    await tending.close();
    expect(await partitions()).toEqual(
      expect.arrayContaining(['queries_2031_11', 'queries_2031_12', 'queries_2032_01', 'queries_default']),
    );
    const t = newTenant();
    const [last, first] = [await record(new Date('2031-11-30T23:59:59.999Z'), t), await record(new Date('2031-12-01T00:00:00Z'), t)];
    expect([await placeOf(last.id, t), await placeOf(first.id, t)]).toEqual(['queries_2031_11', 'queries_2031_12']);
  });

  it('take a query of any other time too, and move it to its own month when that is made', async () => {
    const t = newTenant();
    const [june, july] = [await record(new Date('2019-06-30T12:00:00Z'), t), await record(new Date('2019-07-01T12:00:00Z'), t)];
    expect(await placeOf(june.id, t)).toBe('queries_default');
    await makeQueryPartition(store, new Date('2019-06-15T00:00:00Z'));
    expect([await placeOf(june.id, t), await placeOf(july.id, t)]).toEqual(['queries_2019_06', 'queries_default']);
    expect(await mesh.context.getQuery({ id: june.id }, t.as)).toEqual({ query: june });
    // Sent again, it is still the same one.
    expect(await mesh.context.recordDecision({ query: june }, t.as)).toEqual({ query: june, created: false });
  });

  it('are made once by many instances at once, while queries come in', async () => {
    const t = newTenant();
    const at = new Date('2033-03-03T00:00:00Z');
    const made = Promise.allSettled(Array.from({ length: 3 }, () => makeQueryPartitions(store, at)));
    const queries = await Promise.all(Array.from({ length: 20 }, () => record(at, t)));
    await made;
    await makeQueryPartitions(store, at);
    expect(new Set(await Promise.all(queries.map((q) => placeOf(q.id, t))))).toEqual(new Set(['queries_2033_03']));
  });

  describe('that are over', () => {
    const everything = async ({ as }: Tenant) => {
      const [counts] = await store.within(as.within, (tx) =>
        rowsOf<Record<string, number>>(
          tx,
          sql`select (select count(*) from queries)::int as queries, (select count(*) from feedback)::int as feedback, (select count(*) from customer_history)::int as history,
                     (select count(*) from labels)::int as labels, (select count(*) from shadow_predictions)::int as shadows`,
        ),
      );
      return counts;
    };
    /** A message of that day with all that can belong to one. */
    const remember = async (at: Date, t: Tenant) => {
      const { id } = await record(at, t, 'c-1');
      mesh.clock.now = at;
      await mesh.feedback.submitFeedback({ queryId: id, satisfaction: 5 }, t.as);
      await store.within(t.as.within, async (tx) => {
        await tx.execute(
          sql`insert into labels values (${t.tenant}, ${id}, ${id}, 'support', 'get_refund', 'review', 'random', 'somebody', ${at.toISOString()}::timestamptz)`,
        );
        await tx.execute(
          sql`insert into shadow_predictions values (${t.tenant}, ${id}, 'digest', 'support', 'get_refund', 0.9, 0.1, ${at.toISOString()}::timestamptz)`,
        );
      });
      return id;
    };
    const forget = (now = NOW) => forgetOld(store, 90, now, new AbortController().signal);

    it('go with all that belongs to their messages, whether they had a partition or not, and younger ones stay', async () => {
      const t = newTenant();
      await makeQueryPartition(store, daysAgo(130));
      const partitioned = await remember(daysAgo(130), t);
      const loose = await remember(daysAgo(400), t);
      const kept = await remember(daysAgo(89), t);
      expect([await placeOf(partitioned, t), await placeOf(loose, t)]).toEqual([partitionOf(daysAgo(130)), 'queries_default']);
      await forget();
      expect(await partitions()).not.toContain(partitionOf(daysAgo(130)));
      expect(await everything(t)).toEqual({ queries: 1, feedback: 1, history: 1, labels: 1, shadows: 1 });
      expect(await placeOf(kept, t)).toBe('queries_default');
    });

    it('take along what is younger than their messages, so that no erasure misses it, and events keep no id of a customer', async () => {
      const [t, other] = [newTenant(), newTenant()];
      await makeQueryPartition(store, daysAgo(130));
      const [partitioned, loose] = [await remember(daysAgo(130), t), await remember(daysAgo(400), t)];
      const kept = await remember(daysAgo(10), t);
      const othersKept = await remember(daysAgo(10), other);
      mesh.clock.now = daysAgo(5);
      for (const queryId of [partitioned, loose, kept]) {
        await mesh.feedback.submitFeedback({ queryId, satisfaction: 1, correctedIntent: 'cancel_order' }, t.as);
        await store.within(t.as.within, (tx) =>
          tx.execute(
            sql`insert into shadow_predictions values (${t.tenant}, ${queryId}, 'later', 'support', 'get_refund', 0.9, 0.1, now())`,
          ),
        );
      }
      await mesh.feedback.submitFeedback({ queryId: othersKept, satisfaction: 1, correctedIntent: 'cancel_order' }, other.as);
      await forget();
      expect(await everything(t)).toEqual({ queries: 1, feedback: 2, history: 1, labels: 2, shadows: 2 });
      expect(await everything(other)).toEqual({ queries: 1, feedback: 2, history: 1, labels: 2, shadows: 1 });
      const told = await store.background((tx) =>
        rowsOf<{ subject: string; type: string }>(
          tx,
          sql`select subject, type from outbox where tenant = ${t.tenant} and payload->>'customer_id' <> ''`,
        ),
      );
      expect(new Set(told.map(({ subject }) => subject))).toEqual(new Set([kept]));
      expect(told).toHaveLength(3);
      await mesh.customers.eraseCustomer({ customerId: 'c-1' }, t.as);
      expect(await everything(t)).toEqual({ queries: 0, feedback: 0, history: 0, labels: 0, shadows: 0 });
    });

    it('are not those that a clock takes for over which is ahead of the database', async () => {
      const t = newTenant();
      await remember(NOW, t);
      await forget(daysAgo(-4000));
      expect(await everything(t)).toEqual({ queries: 1, feedback: 1, history: 1, labels: 1, shadows: 1 });
    });

    it('stay for ever when nobody said how long', async () => {
      const t = newTenant();
      await remember(daysAgo(4000), t);
      await startQueryPartitions({ store, retentionDays: 0, now: () => NOW }).close();
      expect(await everything(t)).toEqual({ queries: 1, feedback: 1, history: 1, labels: 1, shadows: 1 });
    });

    it('and come again, late, are stored anew: nothing is announced twice', async () => {
      const t = newTenant();
      const late = await record(daysAgo(400), t);
      await forget();
      expect(await mesh.context.recordDecision({ query: late }, t.as)).toEqual({ created: true });
      const events = await store.background((tx) => rowsOf(tx, sql`select event_id from outbox where tenant = ${t.tenant}`));
      expect(events).toEqual([{ event_id: `QueryProcessed/${late.id}` }]);
    });
  });
});
