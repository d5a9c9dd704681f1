import { type AddressInfo, createServer, type Socket } from 'node:net';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CustomerTier, FactType, ResolutionStatus } from '../../gen/replymesh/type/v1/customer.js';
import { Action } from '../../gen/replymesh/type/v1/decision.js';
import { aQuery, newQueryId, newTenant, openTestStore, reasonOf, startContext, storeKinds, testKeys, until } from './context.fixture.js';
import { readSeed, seed } from './seed.js';
import type { Store } from './store.js';

describe.each(storeKinds)('what is known of a customer, on %s', (kind) => {
  let store: Store;
  let mesh: Awaited<ReturnType<typeof startContext>>;
  beforeAll(async () => {
    store = await openTestStore(kind);
    mesh = await startContext(store, { redisUrl: kind === 'Postgres' ? process.env['REDIS_URL'] : undefined });
    // Redis knows nothing until it is connected.
    await until(async () => {
      await mesh.cache.set('ready', new Uint8Array(1));
      return (await mesh.cache.get('ready')) !== undefined;
    });
  });
  afterAll(async () => {
    await mesh.close();
    await store.close();
  });

  it('is nothing for somebody unknown, and no error', async () => {
    const { as } = newTenant();
    const nothing = { known: false, interactions: [], features: { interactionsTotal: 0, daysSinceLast: -1 } };
    expect(await mesh.context.getContext({}, as)).toMatchObject({ ...nothing, profile: { id: '' } });
    expect(await mesh.context.getContext({ customerId: 'nobody' }, as)).toMatchObject({ ...nothing, profile: { id: 'nobody', facts: [] } });
  });

  it('is profile, typed facts, history newest first and behaviour, for each customer of the seed', async () => {
    const t = newTenant();
    await seed(store, testKeys(), t.tenant, mesh.clock.now);
    const { customers } = readSeed();
    for (const customer of customers) {
      const known = await mesh.context.getContext({ customerId: customer.customer_id, interactionLimit: 100 }, t.as);
      expect(known).toMatchObject({ known: true, profile: { displayName: customer.display_name, tier: CustomerTier[customer.tier] } });
      expect(known.profile?.facts.map((f) => [f.key, f.value])).toEqual(customer.facts.map((f) => [f.key, f.value]));
      expect(known.features).toMatchObject({ interactionsTotal: customer.interactions.length, tier: CustomerTier[customer.tier] });
      const times = known.interactions.map((i) => Number(i.createTime));
      expect([times.length, times]).toEqual([customer.interactions.length, [...times].sort((a, b) => b - a)]);
    }
    const ada = await mesh.context.getContext({ customerId: 'cus_ada', interactionLimit: 1 }, t.as);
    expect(ada.interactions).toHaveLength(1);
    expect(ada.profile?.facts.find((f) => f.key === 'order.number')?.type).toBe(FactType.NUMBER);
  });

  it('comes from a seed that changes nothing when it is sown again, or twice at once', async () => {
    const t = newTenant();
    await Promise.all([seed(store, testKeys(), t.tenant, mesh.clock.now), seed(store, testKeys(), t.tenant, mesh.clock.now)]);
    await seed(store, testKeys(), t.tenant, mesh.clock.now);
    const { articles } = await mesh.knowledge.listArticles({ pageSize: 200 }, t.as);
    expect(articles.map((a) => [a.id, a.version])).toEqual(readSeed().articles.map((a) => [a.id, 1]));
  });

  it('holds every message as soon as it is recorded, though it was read just before', async () => {
    const { as } = newTenant();
    const read = async () => (await mesh.context.getContext({ customerId: 'c-1' }, as)).features?.interactionsTotal;
    for (let n = 0; n < 4; n += 1) {
      expect([await read(), await read()]).toEqual([n, n]);
      await mesh.context.recordDecision({ query: aQuery({ customerId: 'c-1' }) }, as);
    }
  });

  it('is not read again from the database a moment later', async () => {
    const { tenant, as } = newTenant();
    await mesh.context.recordDecision({ query: aQuery({ customerId: 'c-1' }) }, as);
    const before = await mesh.context.getContext({ customerId: 'c-1' }, as);
    await store.within(as.within, (tx) => tx.execute(sql`delete from customer_history where tenant = ${tenant}`));
    expect(await mesh.context.getContext({ customerId: 'c-1' }, as)).toEqual(before);
  });

  describe('feedback', () => {
    const ask = async (action: Action) => {
      const t = newTenant();
      const query = aQuery({ customerId: 'c-1', action });
      await mesh.context.recordDecision({ query }, t.as);
      const interaction = async () => (await mesh.context.getContext({ customerId: 'c-1' }, t.as)).interactions[0];
      return { ...t, query, interaction };
    };

    it('is stored once for each request id, and every time without one', async () => {
      const { as, query } = await ask(Action.AUTO);
      const give = (requestId: string, satisfaction: number) =>
        mesh.feedback.submitFeedback({ queryId: query.id, satisfaction, requestId }, as);
      const [one, again] = [await give('f-1', 5), await give('f-1', 5)];
      expect(one.feedback).toMatchObject({
        id: expect.stringMatching(/^fbk_/),
        queryId: query.id,
        satisfaction: 5,
        resolved: undefined,
        correctedIntent: '',
      });
      expect(again).toEqual(one);
      expect((await give('', 3)).feedback?.id).not.toBe((await give('', 3)).feedback?.id);
    });

    it('reaches the history of the customer', async () => {
      const { as, query, interaction } = await ask(Action.DRAFT);
      expect(await interaction()).toMatchObject({ resolutionStatus: ResolutionStatus.OPEN, satisfactionScore: undefined });
      await mesh.feedback.submitFeedback({ queryId: query.id, satisfaction: 4, resolved: true }, as);
      expect(await interaction()).toMatchObject({ resolutionStatus: ResolutionStatus.RESOLVED, satisfactionScore: 4 });
      await mesh.feedback.submitFeedback({ queryId: query.id, correctedIntent: 'cancel_order' }, as);
      expect(await interaction()).toMatchObject({ resolutionStatus: ResolutionStatus.RESOLVED, satisfactionScore: 4 });
    });

    it('does not make an escalation unhappened', async () => {
      const { as, query, interaction } = await ask(Action.ESCALATE);
      await mesh.feedback.submitFeedback({ queryId: query.id, resolved: true }, as);
      expect((await interaction())?.resolutionStatus).toBe(ResolutionStatus.ESCALATED);
    });

    it("on a query that nobody recorded is refused, as is another tenant's", async () => {
      const { query } = await ask(Action.AUTO);
      expect(await reasonOf(mesh.feedback.submitFeedback({ queryId: newQueryId(), resolved: true }, newTenant().as))).toBe(
        'QUERY_NOT_FOUND',
      );
      expect(await reasonOf(mesh.feedback.submitFeedback({ queryId: query.id, resolved: true }, newTenant().as))).toBe('QUERY_NOT_FOUND');
    });
  });
});

describe('a Redis that is away', () => {
  /** Takes connections and never says a word. */
  const silentServer = async () => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => void sockets.add(socket.on('error', () => {})));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return {
      url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
      close: () =>
        new Promise<void>((resolve) => {
          for (const socket of sockets) socket.destroy();
          server.close(() => resolve());
        }),
    };
  };

  it('makes answers slower, not wrong, whether it refuses or is silent', async () => {
    const store = await openTestStore('PGlite');
    const silent = await silentServer();
    try {
      for (const redisUrl of ['redis://127.0.0.1:1', silent.url]) {
        const mesh = await startContext(store, { redisUrl });
        const { as } = newTenant();
        for (let n = 0; n < 3; n += 1) {
          expect((await mesh.context.getContext({ customerId: 'c-1' }, as)).features?.interactionsTotal).toBe(n);
          await mesh.context.recordDecision({ query: aQuery({ customerId: 'c-1' }) }, as);
        }
        await mesh.close();
      }
    } finally {
      await silent.close();
      await store.close();
    }
  });
});
