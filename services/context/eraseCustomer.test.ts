import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FactType } from '../../gen/replymesh/type/v1/customer.js';
import { Decision, Query } from '../../gen/replymesh/type/v1/decision.js';
import type { EraseCustomerResponse } from '../../gen/replymesh/v1/customer_service.js';
import { ReviewOutcome } from '../../gen/replymesh/v1/review_service.js';
import { aQuery, newTenant, openTestStore, reasonOf, startContext, storeKinds, testKeys } from './context.fixture.js';
import { contextKey } from './contextKey.js';
import { openPglite } from './pglite.js';
import { sealProfile } from './sealedProfile.js';
import { hexOf } from './sealedQuery.js';
import { rowsOf, type Store } from './store.js';

const MARK = 'zanzibarian umbrella';
/** Feedback may say anything in the place of a label, also what is written like one. */
const SAID = 'Tartanowski';
const redisUrl = process.env['REDIS_URL'];

describe.each(storeKinds)('an erasure on %s', (kind) => {
  let root: string;
  let store: Store;
  let mesh: Awaited<ReturnType<typeof startContext>>;
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'replymesh-erasure-'));
    store = kind === 'PGlite' ? await openPglite(join(root, 'db')) : await openTestStore(kind);
    mesh = await startContext(store, { redisUrl: kind === 'Postgres' ? redisUrl : undefined });
  });
  afterAll(async () => {
    await mesh.close();
    await store.close();
    rmSync(root, { recursive: true, force: true });
  });
  type Tenant = ReturnType<typeof newTenant>;
  const erase = ({ as }: Tenant, customerId = 'cus-1', requestId = '') => mesh.customers.eraseCustomer({ customerId, requestId }, as);
  const removed = ({ stores }: EraseCustomerResponse) =>
    Object.fromEntries(stores.flatMap((s) => (s.removed ? [[s.store, s.removed]] : [])));
  /** After the erasure by the clock of the test. */
  const later = () => new Date(mesh.clock.now.getTime() + 1000);
  const record = async ({ as }: Tenant, query: Query): Promise<Query> => {
    await mesh.context.recordDecision({ query }, as);
    return query;
  };

  /** A customer of whom something is in every place there is. */
  const known = async (t: Tenant, customerId = 'cus-1') => {
    const query = aQuery({ customerId, requestId: `r-${customerId}`, sessionId: 's-1', text: `Where is my ${MARK}?` });
    await record(t, Query.fromPartial({ ...query, decision: { ...query.decision, reply: { text: `Your ${MARK} is on its way.` } } }));
    await mesh.feedback.submitFeedback({ queryId: query.id, satisfaction: 1, correctedIntent: SAID }, t.as);
    const verdict = { outcome: ReviewOutcome.EDITED, editedReply: `Your ${MARK} is here.`, label: 'get_refund' };
    await mesh.reviews.resolveReview({ queryId: query.id, ...verdict }, t.as);
    await store.within(t.as.within, async (tx) => {
      const key = (await testKeys().forWriting(tx, t.tenant, [customerId])).get(customerId)!;
      const facts = [{ key: 'order.number', value: MARK, type: 'TEXT' }];
      const profile = {
        ...{ tenant: t.tenant, id: customerId, tier: 'PLUS', language: 'en', created_at: 'now', updated_at: 'now' },
        ...hexOf(sealProfile(key, customerId, { display_name: MARK, facts })),
      };
      await tx.execute(sql`insert into customers select * from jsonb_populate_record(null::customers, ${JSON.stringify(profile)}::jsonb)`);
      await tx.execute(
        sql`insert into shadow_predictions values (${t.tenant}, ${query.id}, 'digest', 'support', 'lost_parcel', 0.5, 0.1, now())`,
      );
    });
    const { profile } = await mesh.context.getContext({ customerId }, t.as);
    expect(profile).toMatchObject({ displayName: MARK, facts: [{ value: MARK }] });
    return query;
  };

  /** Where the customer's words stand in the clear: files of the embedded database, or rows of any table, and keys of Redis. */
  const traces = async (): Promise<string[]> => (await Promise.all([MARK, SAID].map(tracesOf))).flat();
  const tracesOf = async (words: string): Promise<string[]> => {
    const found: string[] = [];
    const files = kind === 'PGlite' ? readdirSync(root, { recursive: true, encoding: 'utf8' }).map((name) => join(root, name)) : [];
    for (const file of files) if (statSync(file).isFile() && readFileSync(file).includes(words)) found.push(file);
    const tables = await store.owner((tx) =>
      rowsOf<{ name: string }>(
        tx,
        sql`select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')`,
      ),
    );
    expect(tables.length).toBeGreaterThan(15);
    for (const { name } of tables) {
      const rows = await store.owner((tx) => rowsOf<{ row: string }>(tx, sql`select t::text as row from ${sql.identifier(name)} t`));
      if (rows.some(({ row }) => row.includes(words) || row.includes(Buffer.from(words).toString('hex')))) found.push(name);
    }
    if (kind === 'Postgres' && redisUrl) {
      const redis = new Redis(redisUrl);
      for (const name of await redis.keys('test:*')) if ((await redis.getBuffer(name))?.includes(words)) found.push(name);
      await redis.quit();
    }
    return found;
  };
  /** Rows of any table in which the customer's id is left, with how many. */
  const mentions = ({ tenant }: Tenant, customerId = 'cus-1') =>
    store.owner(async (tx) => {
      await tx.execute(sql`set local role replymesh_app`);
      await tx.execute(sql`select set_config('replymesh.tenant', ${tenant}, true)`);
      const tables = [
        'customer_keys',
        'customers',
        'queries',
        'customer_history',
        'customer_versions',
        'feedback',
        'labels',
        'reviews',
        'shadow_predictions',
        'request_reservations',
        'audit_log',
      ];
      const counts: Record<string, number> = {};
      for (const table of tables) {
        const [row] = await rowsOf<{ n: number }>(
          tx,
          sql`select count(*)::int as n from ${sql.identifier(table)} t where position(${customerId} in t::text) > 0`,
        );
        if (row?.n) counts[table] = row.n;
      }
      return counts;
    });

  it('leaves no word of the customer anywhere, tells what it removed, and the audit log still verifies', async () => {
    const t = newTenant();
    const query = await known(t);
    expect(await traces()).toEqual([]);
    const receipt = await erase(t);
    expect(receipt).toMatchObject({ customerId: 'cus-1', eraseTime: mesh.clock.now });
    expect(removed(receipt)).toEqual({
      ...{ customer_keys: 1, customers: 1, queries: 1, customer_history: 1, feedback: 1, labels: 1, reviews: 1, shadow_predictions: 1 },
      ...{ customer_versions: 1, request_reservations: 1, outbox: 3, cache: 1, features: 1 },
    });
    expect(receipt.stores.find((s) => s.store === 'audit_log')?.remains).toContain('hashes');
    expect(await traces()).toEqual([]);
    expect(await mentions(t)).toEqual({ audit_log: 1 });
    expect(await reasonOf(mesh.context.getQuery({ id: query.id }, t.as))).toBe('QUERY_NOT_FOUND');
    expect(await mesh.context.getContext({ customerId: 'cus-1' }, t.as)).toMatchObject({ known: false, interactions: [] });
    expect(await mesh.audit.verifyAuditLog({}, t.as)).toMatchObject({ recordCount: 4, fault: undefined });
    expect((await mesh.audit.listAuditRecords({ action: 'customer.erased' }, t.as)).records).toMatchObject([
      { subject: 'cus-1', actor: 'replymesh', detail: { queries: '1', outbox: '3' } },
    ]);
  });

  it('takes the id out of the events that still wait, and leaves their numbers', async () => {
    const t = newTenant();
    await known(t);
    await known(t, 'c-2');
    await erase(t);
    const events = await store.background((tx) =>
      rowsOf<{ type: string; customer: string; intent: string }>(
        tx,
        sql`select type, payload->>'customer_id' as customer, payload->>'intent' as intent from outbox where tenant = ${t.tenant} order by position`,
      ),
    );
    expect(events).toEqual(
      ['', 'c-2'].flatMap((customer) =>
        ['QueryProcessed', 'FeedbackReceived', 'ReviewResolved'].map((type) => ({ type, customer, intent: 'get_refund' })),
      ),
    );
  });

  it('is done once for each request id, and gives the same receipt again; with another one there is nothing left to do', async () => {
    const t = newTenant();
    await known(t);
    const first = await erase(t, 'cus-1', 'e-1');
    mesh.clock.now = later();
    const again = await erase(t, 'cus-1', 'e-1');
    expect([removed(again), again.eraseTime]).toEqual([{ ...removed(first), cache: undefined, features: undefined }, first.eraseTime]);
    expect(removed(await erase(t, 'cus-1', 'e-2'))).toEqual({});
    expect((await mesh.audit.listAuditRecords({ action: 'customer.erased' }, t.as)).records).toHaveLength(2);
  });

  it('of somebody whom nobody knows is done all the same', async () => {
    expect(removed(await erase(newTenant(), 'nobody'))).toEqual({});
  });

  it("leaves other customers alone, and another tenant's of the same id", async () => {
    const [t, other] = [newTenant(), newTenant()];
    await known(t);
    const [neighbour, namesake] = [await known(t, 'c-2'), await known(other)];
    await erase(t);
    for (const [query, at] of [
      [neighbour, t],
      [namesake, other],
    ] as const)
      expect((await mesh.context.getQuery({ id: query.id }, at.as)).query?.text).toContain(MARK);
  });

  it('drops what was accepted before and comes later, and takes what comes after with a new key', async () => {
    const t = newTenant();
    await known(t);
    await erase(t);
    const late = await record(t, aQuery({ customerId: 'cus-1', createTime: mesh.clock.now }));
    expect(await reasonOf(mesh.context.getQuery({ id: late.id }, t.as))).toBe('QUERY_NOT_FOUND');
    expect(await mentions(t)).toEqual({ audit_log: 1 });
    const next = await record(t, aQuery({ customerId: 'cus-1', createTime: later() }));
    expect(await mesh.context.getQuery({ id: next.id }, t.as)).toEqual({ query: next });
    expect(await mentions(t)).toMatchObject({ customer_keys: 1, queries: 1 });
    expect((await mesh.context.getContext({ customerId: 'cus-1' }, t.as)).features?.interactionsTotal).toBe(1);
  });

  it('is not undone by a reader that read before and is slower: nobody gets what it puts into the cache', async () => {
    const t = newTenant();
    await known(t);
    const before = await mesh.cache.get(contextKey(t.tenant, 'cus-1'));
    expect(before).toBeDefined();
    await erase(t);
    await mesh.cache.set(contextKey(t.tenant, 'cus-1'), before!);
    for (let i = 0; i < 2; i += 1)
      expect(await mesh.context.getContext({ customerId: 'cus-1' }, t.as)).toMatchObject({
        ...{ known: false, profile: { displayName: '', facts: [] }, interactions: [], features: { interactionsTotal: 0 } },
      });
  });

  it('does not come back with the next message, which another instance answers from what it still has in memory', async () => {
    const t = newTenant();
    await known(t);
    const other = await startContext(store);
    other.clock.now = later();
    const context = () => other.context.getContext({ customerId: 'cus-1' }, t.as);
    /** As the gateway makes it of a context. */
    const answered = async ({ profile, interactions, features }: Awaited<ReturnType<typeof context>>) => {
      const query = aQuery({ customerId: 'cus-1', createTime: later() });
      const reply = { text: `Hello ${profile?.displayName}, that was bought by ${interactions.length} lines.` };
      const decision = Decision.fromPartial({ ...query.decision, reply, evidence: { ...query.decision?.evidence, features } });
      await other.context.recordDecision({ query: { ...query, decision }, inputs: { customer: profile, interactions } }, t.as);
      return query.id;
    };
    expect((await context()).profile?.displayName).toBe(MARK);
    await erase(t);
    const old = await context();
    expect(old.profile?.displayName).toBe(MARK);
    const first = await answered(old);
    const recorded = async (queryId: string) => {
      const { outcome } = await mesh.context.getDecisionInputs({ id: queryId }, t.as);
      return outcome?.$case === 'recorded' ? outcome.value : undefined;
    };
    const one = await recorded(first);
    expect(one).toMatchObject({ query: { id: first, text: 'Where is my refund?', decision: { reply: undefined } }, inputs: undefined });
    expect(JSON.stringify(one)).not.toContain(MARK);
    // What follows is of the customer as they are now, and kept whole.
    const second = await answered(await context());
    expect(await recorded(second)).toMatchObject({ inputs: { interactions: [{ id: first }] }, query: { decision: { reply: {} } } });
    // So it is of one whom somebody has brought back, as they are now.
    mesh.clock.now = other.clock.now = later();
    const customer = { id: 'cus-1', displayName: 'Ada', facts: [{ key: 'order.number', value: '7', type: FactType.NUMBER }] };
    await other.customers.updateCustomer({ customer, allowMissing: true }, t.as);
    expect(await recorded(await answered(await context()))).toMatchObject({ inputs: { customer: { displayName: 'Ada' } } });
    expect(JSON.stringify(await recorded(await answered(old)))).not.toContain(MARK);
    await other.close();
  });

  it('never meets a message half-way: whichever instance writes at the same time, what is stored can be read', async () => {
    const t = newTenant();
    const other = await startContext(store);
    const write = (i: number) =>
      (i % 2 ? mesh : other).context.recordDecision({ query: aQuery({ customerId: 'cus-1', createTime: later() }) }, t.as);
    await Promise.all([
      ...Array.from({ length: 20 }, (_, i) => write(i)),
      erase(t),
      ...Array.from({ length: 20 }, (_, i) => write(i)),
      other.customers.eraseCustomer({ customerId: 'cus-1' }, t.as),
      ...Array.from({ length: 20 }, (_, i) => write(i)),
    ]);
    await other.close();
    const { queries } = await mesh.context.listQueries({ pageSize: 200 }, t.as);
    expect((await mentions(t))['queries'] ?? 0).toBe(queries.length);
    expect((await mesh.audit.verifyAuditLog({}, t.as)).fault).toBeUndefined();
  });
});
