import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { sql } from 'drizzle-orm';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { registry } from '../../lib/metrics.js';
import { packageRoot } from '../../lib/packageRoot.js';
import type { Closable } from '../../lib/shutdown.js';
import { newTenant, openTestStore, postgresOptions, scratchDatabase, storeKinds, until } from './context.fixture.js';
import { expireOutbox } from './outboxExpiry.js';
import { openPostgres } from './postgres.js';
import { startRelay } from './relay.js';
import { backoffMs, type OutboxEvent, type Refusal, type Sink } from './relaySink.js';
import { rollUpEvents } from './rollUpEvents.js';
import { rowsOf, type Store } from './store.js';

const DAY_MS = 86_400_000;

/** A sink that the test holds in its hand. */
function sinkInHand(options: { batchSize?: number; due?: Sink['due'] } = {}) {
  const state = {
    down: false,
    /** Ids that it refuses. */
    refuses: new Set<string>(),
    batches: [] as (readonly OutboxEvent[])[],
    /** Deliveries wait for it. */
    hold: Promise.resolve(),
    closed: 0,
  };
  const sink: Sink = {
    name: 's3',
    batchSize: options.batchSize ?? 100,
    ...(options.due ? { due: options.due } : {}),
    deliver: async (events): Promise<Refusal[]> => {
      await state.hold;
      if (state.down) throw new Error('the sink is down');
      const [bad, good] = [events.filter((e) => state.refuses.has(e.id)), events.filter((e) => !state.refuses.has(e.id))];
      if (good.length > 0) state.batches.push(good);
      return bad.map((event) => ({ event, error: 'Bad: this one never' }));
    },
    close: () => void (state.closed += 1),
  };
  const ids = (): string[] => state.batches.flat().map(({ id }) => id);
  return { sink, state, ids };
}

async function announce(store: Store, count: number, createdAt = new Date()): Promise<string[]> {
  const { tenant, as } = newTenant();
  const ids = Array.from({ length: count }, () => `Test/${randomUUID()}`);
  await store.within(as.within, (tx) =>
    tx.execute(sql`
      insert into outbox (tenant, event_id, type, subject, payload, created_at)
      select ${tenant}, id, 'Test', 's', '{"n": 1}', ${createdAt.toISOString()}::timestamptz
      from jsonb_array_elements_text(${JSON.stringify(ids)}::jsonb) with ordinality as e(id, n) order by n`),
  );
  return ids;
}

async function metric(name: string): Promise<number | undefined> {
  const { values } = (await registry.getSingleMetric(name)?.get()) ?? { values: [] };
  return values.find(({ labels }) => labels['sink'] === 's3')?.value;
}

describe.each(storeKinds)('a relay of the outbox on %s', (kind) => {
  let store: Store;
  const relays: Closable[] = [];
  const start = (sink: Sink): Closable => {
    const relay = startRelay({ store, sink, now: () => new Date() });
    relays.push(relay);
    return relay;
  };
  beforeAll(async () => {
    store = await openTestStore(kind, true);
  });
  afterAll(() => store.close());
  afterEach(async () => {
    await Promise.all(relays.splice(0).map((relay) => relay.close()));
    await store.background((tx) => tx.execute(sql`delete from dead_letters`));
    await store.background((tx) => tx.execute(sql`delete from outbox`));
  });
  const deadLetters = () =>
    store.background((tx) => rowsOf<{ event_id: string; error: string; attempts: number }>(tx, sql`select * from dead_letters`));

  it('carries each event once and in the order in which they were written, while many write and nothing fails', async () => {
    const { sink, state, ids } = sinkInHand({ batchSize: 7 });
    start(sink);
    const written: string[] = [];
    for (let round = 0; round < 5; round += 1) written.push(...(await announce(store, 10)));
    await Promise.all(Array.from({ length: 5 }, () => announce(store, 10)));
    await until(() => ids().length >= 100);
    expect(new Set(ids()).size).toBe(100);
    expect(ids().slice(0, 50)).toEqual(written);
    expect(state.batches.every((batch) => batch.length <= 7)).toBe(true);
  });

  it('waits while the sink is down, tells for how long, and carries all of it afterwards', async () => {
    const { sink, state, ids } = sinkInHand();
    state.down = true;
    const written = await announce(store, 3, new Date(Date.now() - 60_000));
    start(sink);
    await until(async () => ((await metric('relay_lag_seconds')) ?? 0) >= 60);
    written.push(...(await announce(store, 2)));
    expect(ids()).toEqual([]);
    state.down = false;
    await until(() => ids().length === 5);
    expect(ids()).toEqual(written);
    await until(async () => (await metric('relay_lag_seconds')) === 0);
    expect(await deadLetters()).toEqual([]);
  });

  it('goes on after its end where it was', async () => {
    const first = sinkInHand();
    const relay = start(first.sink);
    const [a] = await announce(store, 1);
    await until(() => first.ids().length === 1);
    await relay.close();
    expect(first.state.closed).toBe(1);
    const [b] = await announce(store, 1);
    const second = sinkInHand();
    start(second.sink);
    await until(() => second.ids().length > 0);
    expect([first.ids(), second.ids()]).toEqual([[a], [b]]);
  });

  it('ends after the batch that is on its way, and that one does not go again', async () => {
    const first = sinkInHand();
    let arrive = (): void => {};
    first.state.hold = new Promise((resolve) => (arrive = resolve));
    const ids = await announce(store, 3);
    const relay = start(first.sink);
    await until(async () => ((await metric('relay_lag_seconds')) ?? 0) > 0);
    const closing = relay.close();
    arrive();
    await closing;
    expect(first.ids()).toEqual(ids);
    const second = sinkInHand();
    start(second.sink);
    const [later] = await announce(store, 1);
    await until(() => second.ids().length > 0);
    expect(second.ids()).toEqual([later]);
  });

  it('puts an event aside that the sink refuses for what it is, tells it, carries the rest, and tries it again when it is brought back', async () => {
    const { sink, state, ids } = sinkInHand();
    const written = await announce(store, 5);
    const bad = written[2] as string;
    state.refuses.add(bad);
    const before = (await metric('relay_dead_letters_total')) ?? 0;
    start(sink);
    await until(async () => (await deadLetters()).length === 1);
    written.push(...(await announce(store, 1)));
    await until(() => ids().length === 5);
    expect(ids()).toEqual(written.filter((id) => id !== bad));
    expect(await deadLetters()).toMatchObject([{ event_id: bad, error: 'Bad: this one never', attempts: 4 }]);
    expect(await metric('relay_dead_letters_total')).toBe(before + 1);
    state.refuses.clear();
    await store.background((tx) => tx.execute(sql`update dead_letters set attempts = 0 where event_id = ${bad}`));
    await until(() => ids().includes(bad));
    await until(async () => (await deadLetters()).length === 0);
  });

  it('is one at a time for a sink: of two, one works and the other takes over when that one ends', async () => {
    const [one, other] = [sinkInHand(), sinkInHand()];
    const working = start(one.sink);
    await announce(store, 1);
    await until(() => one.ids().length === 1);
    start(other.sink);
    await announce(store, 5);
    await until(() => one.ids().length === 6);
    expect(other.ids()).toEqual([]);
    await working.close();
    const [last] = await announce(store, 1);
    await until(() => other.ids().length === 1);
    expect(other.ids()).toEqual([last]);
    expect(one.ids()).toHaveLength(6);
  });

  it('holds events back for a sink that wants many together, until there are enough or it is time', async () => {
    const due = (events: readonly OutboxEvent[]) => ({ count: events.length, at: new Date((events[0]?.createdAt.getTime() ?? 0) + 3000) });
    const { sink, state, ids } = sinkInHand({ batchSize: 4, due });
    start(sink);
    await announce(store, 4);
    await announce(store, 1);
    const at = Date.now();
    await announce(store, 1);
    await until(() => ids().length === 6);
    expect(state.batches.map((batch) => batch.length)).toEqual([4, 2]);
    expect(Date.now() - at).toBeGreaterThan(2000);
  });

  it('forgets events that every sink has got, that analytics has counted and that are old, but not what a dead letter is about', async () => {
    const { sink, state, ids } = sinkInHand();
    const old = new Date(Date.now() - 8 * DAY_MS);
    const [a, , bad] = await announce(store, 3, old);
    state.refuses.add(bad as string);
    const [recent] = await announce(store, 1);
    start(sink);
    await until(() => ids().length === 3);
    await until(async () => (await deadLetters()).length === 1);
    await Promise.all(relays.splice(0).map((relay) => relay.close()));
    const [waiting] = await announce(store, 1, old);
    const left = async () =>
      (await store.background((tx) => rowsOf<{ event_id: string }>(tx, sql`select event_id from outbox order by position`))).map(
        (row) => row.event_id,
      );
    const expire = (sinks: Sink['name'][]) =>
      expireOutbox({ store, sinks, retentionDays: 7, now: () => new Date() }, new AbortController().signal);
    await expire(['s3']);
    expect(await left()).toContain(a);
    // Analytics reads them too.
    let counted = 0;
    await until(async () => (counted += (await rollUpEvents(store)).events) === 5);
    await expire(['s3', 'dynamodb']);
    expect(await left()).toContain(a);
    await expire(['s3']);
    expect(await left()).toEqual([bad, recent, waiting]);
    await expire([]);
    expect(await left()).toEqual([bad, recent]);
  });
});

/** The blocks of SQL of a page. */
const sqlOf = (path: string): string[] =>
  [...readFileSync(new URL(path, packageRoot), 'utf8').matchAll(/```sql\n([^`]*)```/g)].map(([, block = '']) => block);

describe.runIf(storeKinds.includes('Postgres'))('a relay on a database that others write to and that fails', () => {
  let database: Awaited<ReturnType<typeof scratchDatabase>>;
  let store: Store;
  let relay: Closable | undefined;
  beforeAll(async () => {
    database = await scratchDatabase(true);
    store = await openPostgres(postgresOptions(database.url));
  });
  afterAll(async () => {
    await store.close();
    await database.close();
  });
  afterEach(() => relay?.close());
  const start = (sink: Sink): void => {
    relay = startRelay({ store, sink, now: () => new Date() });
  };

  // The snapshot that a relay reads by is the whole server's: a transaction of another database holds it up too.
  it('carries an event whose transaction began early and ended late, too', async () => {
    const { sink, ids } = sinkInHand();
    start(sink);
    const late = new pg.Client(database.url);
    await late.connect();
    await late.query('begin');
    await late.query(
      `insert into outbox (tenant, event_id, type, subject, payload, created_at) values ('t', 'late', 'Test', '', '{}', now())`,
    );
    const others = await announce(store, 2);
    // Behind the one that has not ended nothing goes: it could not be caught up on afterwards.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(ids()).toEqual([]);
    await late.query('commit');
    await late.end();
    await until(() => ids().length === 3);
    expect(ids()).toEqual(['late', ...others]);
  });

  it('goes on when the connection is cut that its claim is on, and loses nothing', async () => {
    const { sink, ids } = sinkInHand();
    start(sink);
    const written = await announce(store, 1);
    await until(() => ids().length === 1);
    for (let round = 0; round < 3; round += 1) {
      await database.query(
        "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())",
      );
      written.push(...(await announce(store, 2)));
    }
    await until(() => new Set(ids()).size === 7);
    expect([...new Set(ids())]).toEqual(written);
  });

  it('says so instead of skipping events when the database was restored on a server that is behind, and the how-to mends it', async () => {
    const { sink, ids } = sinkInHand();
    const restored = await announce(store, 2);
    await database.query("update outbox set transaction_id = '9000000001'");
    start(sink);
    const written = [...restored, ...(await announce(store, 1))];
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(ids()).toEqual([]);
    await relay?.close();
    for (const statements of sqlOf('docs/how-to/relay-events.md')) {
      const owner = new pg.Client(database.url);
      await owner.connect();
      await owner.query(statements);
      await owner.end();
    }
    start(sink);
    await until(() => written.every((id) => ids().includes(id)));
  });
});

describe('the wait after a failure', () => {
  it('doubles to half a minute, and half of it is chance', () => {
    expect([1, 2, 3, 7, 50].map((failures) => backoffMs(failures, 1))).toEqual([500, 1000, 2000, 30_000, 30_000]);
    expect(backoffMs(3, 0)).toBe(1000);
  });
});
