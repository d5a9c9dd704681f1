import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BehaviouralFeatures, CustomerTier, ResolutionStatus } from '../../gen/replymesh/type/v1/customer.js';
import { Action } from '../../gen/replymesh/type/v1/decision.js';
import { noHistory } from './behaviour.js';
import { aQuery, newTenant, openTestStore, reasonOf, startContext, storeKinds, until } from './context.fixture.js';
import type { FeatureStore } from './featureStore.js';
import { forgetOld } from './queryPartitions.js';
import { millis, rowsOf, type Store } from './store.js';
import { tcpProxy } from './tcpProxy.fixture.js';

const DAY_MS = 86_400_000;
const START = new Date('2026-11-24T12:00:00Z');

/** The features of a customer as anybody would count them from all rows. */
async function counted(
  store: Store,
  { as }: ReturnType<typeof newTenant>,
  customerId: string,
  now: Date,
  tiers: ReadonlyMap<string, CustomerTier>,
): Promise<BehaviouralFeatures> {
  const rows = await store.within(as.within, (tx) =>
    rowsOf<{ status: string; score: number | null; at: number }>(
      tx,
      sql`select resolution_status as status, satisfaction_score as score, ${millis('created_at')} as at from customer_history where customer_id = ${customerId}`,
    ),
  );
  const ages = rows.map(({ at }) => Math.max(0, now.getTime() - at) / DAY_MS);
  const scores = rows.flatMap(({ score }) => score ?? []);
  return {
    interactions30d: ages.filter((age) => age <= 30).length,
    interactionsTotal: rows.length,
    escalationsTotal: rows.filter(({ status }) => status === ResolutionStatus[ResolutionStatus.ESCALATED]).length,
    openInteractions: rows.filter(({ status }) => status === ResolutionStatus[ResolutionStatus.OPEN]).length,
    daysSinceLast: Math.min(...ages, Number.POSITIVE_INFINITY) === Number.POSITIVE_INFINITY ? -1 : Math.min(...ages),
    meanSatisfaction: scores.length === 0 ? 0 : scores.reduce((sum, score) => sum + score) / scores.length,
    tier: tiers.get(customerId) ?? CustomerTier.UNSPECIFIED,
  };
}

/** Redis knows nothing until it is connected. */
async function isConnected(features: FeatureStore): Promise<boolean> {
  await features.keep('ready', 'c', { version: 1, countedAtMs: START.getTime(), history: noHistory });
  return (await features.read('ready', 'c')) !== undefined;
}

const customers = fc.constantFrom('c-1', 'c-2');
const steps = fc.oneof(
  fc.record({
    do: fc.constant('ask' as const),
    customer: customers,
    action: fc.constantFrom(Action.AUTO, Action.DRAFT, Action.ESCALATE),
    daysAgo: fc.nat({ max: 40 }),
  }),
  fc.record({ do: fc.constant('ask at once' as const), customer: customers, times: fc.integer({ min: 2, max: 4 }) }),
  fc.record({
    do: fc.constant('say' as const),
    which: fc.nat(),
    satisfaction: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
    resolved: fc.option(fc.boolean(), { nil: undefined }),
  }),
  fc.record({
    do: fc.constant('happen elsewhere' as const),
    customer: customers,
    status: fc.constantFrom(...[0, 1, 2, 3].map((status): ResolutionStatus => status)),
    score: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
    daysAgo: fc.nat({ max: 40 }),
    /** With the same one nothing is added. */
    requestId: fc.constantFrom('', '', 'r-1'),
  }),
  fc.record({
    do: fc.constant('become' as const),
    which: fc.nat(),
    status: fc.constantFrom(ResolutionStatus.OPEN, ResolutionStatus.RESOLVED, ResolutionStatus.ESCALATED),
    score: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
  }),
  fc.record({
    do: fc.constant('know' as const),
    customer: customers,
    tier: fc.constantFrom(CustomerTier.STANDARD, CustomerTier.PLUS, CustomerTier.PREMIUM),
  }),
  fc.record({ do: fc.constant('wait' as const), days: fc.constantFrom(0.5, 7, 29, 31) }),
  fc.record({ do: fc.constant('erase' as const), customer: customers }),
);

describe.each(storeKinds)('the features of a customer, on %s,', (kind) => {
  const redisUrl = kind === 'Postgres' ? process.env['REDIS_URL'] : undefined;
  let store: Store;
  let mesh: Awaited<ReturnType<typeof startContext>>;
  beforeAll(async () => {
    store = await openTestStore(kind);
    mesh = await startContext(store, { redisUrl, featuresTtlMs: 1000 * DAY_MS });
    await until(() => isConnected(mesh.features));
  });
  afterAll(async () => {
    await mesh.close();
    await store.close();
  });
  const featuresOf = async ({ as }: ReturnType<typeof newTenant>, customerId: string) =>
    (await mesh.context.getContext({ customerId }, as)).features;
  const versionOf = async ({ as }: ReturnType<typeof newTenant>, customerId: string) => {
    const [row] = await store.within(as.within, (tx) =>
      rowsOf<{ version: number }>(tx, sql`select version::float8 as version from customer_versions where customer_id = ${customerId}`),
    );
    return row?.version;
  };

  it('are what anybody would count from the rows, after whatever was done in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 1, maxLength: 12 }), async (sequence) => {
        const t = newTenant();
        const asked: string[] = [];
        const happened: { customerId: string; id: string }[] = [];
        const tiers = new Map<string, CustomerTier>();
        const ask = async (customerId: string, action: Action, daysAgo: number) => {
          const query = aQuery({ customerId, action, createTime: new Date(mesh.clock.now.getTime() - daysAgo * DAY_MS) });
          await mesh.context.recordDecision({ query, fingerprint: '' }, t.as);
          asked.push(query.id);
        };
        for (const step of sequence) {
          if (step.do === 'ask') await ask(step.customer, step.action, step.daysAgo);
          if (step.do === 'ask at once') await Promise.all(Array.from({ length: step.times }, () => ask(step.customer, Action.DRAFT, 0)));
          if (step.do === 'say' && asked.length > 0) {
            const { satisfaction, resolved } = step;
            const about = { queryId: asked[step.which % asked.length]!, satisfaction, resolved, correctedIntent: 'cancel_order' };
            await mesh.feedback.submitFeedback(about, t.as).catch(() => undefined);
          }
          if (step.do === 'happen elsewhere') {
            const { customer: customerId, status: resolutionStatus, score: satisfactionScore, daysAgo, requestId } = step;
            const createTime = new Date(mesh.clock.now.getTime() - daysAgo * DAY_MS);
            const interaction = { type: 'CALL', summary: 'said hello', resolutionStatus, satisfactionScore, createTime };
            const call = mesh.customers.createInteraction({ customerId, interaction, requestId }, t.as);
            expect(['it succeeded', 'REQUEST_ID_REUSED', 'CUSTOMER_ERASED']).toContain(await reasonOf(call));
            const id = await call.then(
              (made) => made.interaction?.id,
              () => undefined,
            );
            if (id !== undefined) happened.push({ customerId, id });
          }
          if (step.do === 'become' && happened.length > 0) {
            const { customerId, id } = happened[step.which % happened.length]!;
            const interaction = { id, resolutionStatus: step.status, satisfactionScore: step.score };
            const outcome = await reasonOf(mesh.customers.updateInteraction({ customerId, interaction }, t.as));
            expect(['it succeeded', 'INTERACTION_NOT_FOUND']).toContain(outcome);
          }
          if (step.do === 'know') {
            const customer = { id: step.customer, tier: step.tier };
            const outcome = await reasonOf(mesh.customers.updateCustomer({ customer, allowMissing: true }, t.as));
            expect(['it succeeded', 'CUSTOMER_ERASED']).toContain(outcome);
            if (outcome === 'it succeeded') tiers.set(step.customer, step.tier);
          }
          if (step.do === 'wait') mesh.clock.now = new Date(mesh.clock.now.getTime() + step.days * DAY_MS);
          if (step.do === 'erase') {
            await mesh.customers.eraseCustomer({ customerId: step.customer }, t.as);
            tiers.delete(step.customer);
          }
          for (const customer of ['c-1', 'c-2']) {
            const truth = await counted(store, t, customer, mesh.clock.now, tiers);
            expect(await featuresOf(t, customer)).toEqual(truth);
            // What is kept of the version that stands is right, also when nobody has asked since.
            const kept = await mesh.features.read(t.tenant, customer);
            if (kept && kept.version === (await versionOf(t, customer))) expect(kept.history.total).toBe(truth.interactionsTotal);
          }
        }
        mesh.clock.now = START;
      }),
      { numRuns: 15 },
    );
  });

  it('are carried on with every message and every word of feedback, so that nobody has to count again', async () => {
    const t = newTenant();
    const query = aQuery({ customerId: 'c-1', action: Action.DRAFT });
    await mesh.context.recordDecision({ query, fingerprint: '' }, t.as);
    await featuresOf(t, 'c-1');
    await mesh.context.recordDecision({ query: aQuery({ customerId: 'c-1', action: Action.ESCALATE }), fingerprint: '' }, t.as);
    await mesh.feedback.submitFeedback({ queryId: query.id, satisfaction: 4, resolved: true }, t.as);
    const kept = await mesh.features.read(t.tenant, 'c-1');
    expect(kept).toMatchObject({
      version: await versionOf(t, 'c-1'),
      history: { total: 2, escalations: 1, open: 0, scores: 1, scoreSum: 4 },
    });
    // The rows are gone behind the mesh's back: what it tells now comes from what it kept.
    await store.within(t.as.within, (tx) => tx.execute(sql`delete from customer_history where tenant = ${t.tenant}`));
    expect(await featuresOf(t, 'c-1')).toMatchObject({ interactionsTotal: 2, escalationsTotal: 1, meanSatisfaction: 4 });
  });

  it('are counted anew when lines of their history were dropped by their age', async () => {
    const t = newTenant();
    for (const createTime of [new Date('2020-01-15T00:00:00Z'), START])
      await mesh.context.recordDecision({ query: aQuery({ customerId: 'c-1', createTime }), fingerprint: '' }, t.as);
    expect(await featuresOf(t, 'c-1')).toMatchObject({ interactionsTotal: 2 });
    await forgetOld(store, 365, START, new AbortController().signal);
    await mesh.cache.forget([`context:${t.tenant.length}:${t.tenant}:c-1`]);
    expect(await featuresOf(t, 'c-1')).toMatchObject({ interactionsTotal: 1 });
  });

  it('are part of an erasure and of its receipt', async () => {
    const t = newTenant();
    await mesh.context.recordDecision({ query: aQuery({ customerId: 'c-1' }), fingerprint: '' }, t.as);
    await featuresOf(t, 'c-1');
    const { stores } = await mesh.customers.eraseCustomer({ customerId: 'c-1' }, t.as);
    expect(stores).toContainEqual(expect.objectContaining({ store: 'features', removed: 1 }));
    expect(stores).toContainEqual(expect.objectContaining({ store: 'customer_versions', removed: 1 }));
    expect([(await mesh.features.read(t.tenant, 'c-1'))?.history.total, await versionOf(t, 'c-1')]).toEqual([0, undefined]);
    expect(await featuresOf(t, 'c-1')).toMatchObject({ interactionsTotal: 0, daysSinceLast: -1 });
  });
});

describe.runIf(process.env['REDIS_URL'])('a Redis that goes and comes back', () => {
  it('makes features and context slower, never wrong, also where it still has both of before', async () => {
    const { hostname, port } = new URL(process.env['REDIS_URL'] ?? '');
    const proxy = await tcpProxy({ host: hostname, port: Number(port) || 6379 });
    const store = await openTestStore('PGlite');
    const mesh = await startContext(store, { redisUrl: `redis://127.0.0.1:${proxy.port}` });
    const t = newTenant();
    const total = async () => (await mesh.context.getContext({ customerId: 'c-1' }, t.as)).features?.interactionsTotal;
    const ask = () => mesh.context.recordDecision({ query: aQuery({ customerId: 'c-1' }), fingerprint: '' }, t.as);
    const isKept = async () => (await mesh.features.read(t.tenant, 'c-1')) !== undefined;
    try {
      await until(() => isConnected(mesh.features));
      await ask();
      await until(async () => (await total()) === 1 && (await isKept()));
      const inRedis = await mesh.features.read(t.tenant, 'c-1');
      for (const [n, how] of (['silent', 'refuse'] as const).entries()) {
        proxy.state[how] = true;
        if (how === 'refuse') proxy.cut();
        await ask();
        expect(await total()).toBe(n + 2);
        proxy.state[how] = false;
        proxy.cut();
        await until(isKept);
        expect(await total()).toBe(n + 2);
      }
      expect((await mesh.features.read(t.tenant, 'c-1'))!.version).toBeGreaterThan(inRedis!.version);
    } finally {
      await mesh.close();
      await store.close();
      await proxy.close();
    }
  });
});
