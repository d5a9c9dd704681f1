import { setTimeout as wait } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Action } from '../../gen/replymesh/type/v1/decision.js';
import { registry } from '../../lib/metrics.js';
import { aQuery, newTenant, openTestStore, startContext, storeKinds, until } from './context.fixture.js';
import { startRollUp } from './startRollUp.js';
import { rowsOf, type Store } from './store.js';

describe.each(storeKinds)('counting in the background on %s', (kind) => {
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
  const now = () => mesh.clock.now;
  const counted = async ({ tenant }: ReturnType<typeof newTenant>) =>
    (
      await store.background((tx) =>
        rowsOf<{ queries: number }>(
          tx,
          sql`select coalesce(sum(queries), 0)::int as queries from analytics_counts where tenant = ${tenant} and grain = 'day'`,
        ),
      )
    )[0]?.queries;
  const metric = async (name: string) => (await registry.getSingleMetric(name)!.get()).values;

  const resolutionSeconds = async (): Promise<number> => {
    const values = await metric('resolution_time_seconds');
    return values.find((v) => 'metricName' in v && v.metricName === 'resolution_time_seconds_sum')?.value ?? 0;
  };

  it('goes on where another instance has ended, and tells what it counts on /metrics', async () => {
    const t = newTenant();
    const before = await resolutionSeconds();
    const escalated = aQuery({ intent: 'cancel_order', action: Action.ESCALATE, createTime: new Date(now().getTime() - 3_600_000) });
    const sent = aQuery({ intent: 'cancel_order', action: Action.AUTO, createTime: escalated.createTime });
    await mesh.context.recordDecision({ query: escalated }, t.as);
    await mesh.context.recordDecision({ query: sent }, t.as);
    await mesh.feedback.submitFeedback({ queryId: sent.id, satisfaction: 4, resolved: true }, t.as);
    const first = startRollUp({ store, now });
    await until(async () => (await counted(t)) === 2 && (await resolutionSeconds()) > before);
    const second = startRollUp({ store, now });
    await first.close();
    // Nobody keeps them up to date now.
    expect(await metric('escalation_rate')).toEqual([]);
    await mesh.context.recordDecision({ query: aQuery({ createTime: escalated.createTime }) }, t.as);
    await until(async () => (await counted(t)) === 3 && (await metric('escalation_rate')).length > 0);
    expect(await metric('escalation_rate')).toContainEqual({ labels: { intent: 'cancel_order' }, value: 0.5 });
    expect(await metric('customer_satisfaction_score')).toEqual([{ labels: {}, value: 4 }]);
    expect((await resolutionSeconds()) - before).toBe(3600);
    await second.close();
    expect([await metric('customer_satisfaction_score'), await metric('analytics_caught_up_timestamp_seconds')]).toEqual([[], []]);
  });

  it('leaves the database to others for as long as a recount used it', async () => {
    const t = newTenant();
    const hours = [3, 2, 1].map((ago) => new Date(now().getTime() - ago * 3_600_000));
    for (const createTime of hours) await mesh.context.recordDecision({ query: aQuery({ createTime }) }, t.as);
    await store.background((tx) =>
      tx.execute(sql`update analytics_progress set recounting = true, recount_tenant = ${t.tenant}, recount_from = '-infinity'`),
    );
    const LEAST_MS = 200;
    const rests: number[] = [];
    let ended = performance.now();
    // What takes long here is whatever counts, so that each rest has to be long as well; what follows at once on something else is no rest.
    const slow: Store = {
      ...store,
      background: async (work) => {
        rests.push(performance.now() - ended);
        await wait(LEAST_MS);
        return store.background(work).finally(() => {
          ended = performance.now();
        });
      },
    };
    const counting = startRollUp({ store: slow, now });
    const isRecounting = () =>
      store.background((tx) => rowsOf<{ recounting: boolean }>(tx, sql`select recounting from analytics_progress where tenant = ''`));
    await until(async () => (await isRecounting())[0]?.recounting === false);
    await counting.close();
    // A timer may fire a millisecond early.
    expect(rests.filter((ms) => ms >= LEAST_MS - 2).length).toBeGreaterThanOrEqual(hours.length);
  });
});
