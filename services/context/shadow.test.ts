import { setTimeout } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { registry } from '../../lib/metrics.js';
import { fault } from '../errors.js';
import { pairCounts } from './compareBundles.js';
import { aQuery, newQueryId, newTenant, openTestStore, startContext, storeKinds, testKeys, until } from './context.fixture.js';
import { shadowSink, startShadow } from './shadow.js';
import { rowsOf, type Store } from './store.js';

const [CHAMPION, CHALLENGER] = ['b'.repeat(64), 'c'.repeat(64)];

describe.each(storeKinds)('a challenger on %s', (kind) => {
  let store: Store;
  let mesh: Awaited<ReturnType<typeof startContext>>;
  beforeAll(async () => {
    store = await openTestStore(kind);
    mesh = await startContext(store);
  });
  afterAll(async () => {
    await mesh?.close();
    await store?.close();
  });
  const parts = () => ({ store, keys: testKeys(), inference: mesh.inferenceClient, now: () => new Date() });
  type T = ReturnType<typeof newTenant>;
  const shadowsOf = (t: T) =>
    store.within(t.as.within, (tx) =>
      rowsOf<{ query_id: string; intent: string }>(tx, sql`select * from shadow_predictions order by query_id`),
    );
  async function record(t: T, count: number, intent = 'get_refund'): Promise<string[]> {
    mesh.clock.now = new Date();
    const queries = Array.from({ length: count }, (_, i) => aQuery({ intent, text: `Message ${i}`, customerId: 'c-1' }));
    await Promise.all(queries.map((query) => mesh.context.recordDecision({ query }, t.as)));
    return queries.map(({ id }) => id).sort();
  }
  const answer = (intent: string) => ({ bundleDigest: CHALLENGER, labelSpace: 'support', intent, confidence: 0.7, predictiveEntropy: 0.2 });
  const counted = async (result: 'read' | 'dropped' | 'skipped'): Promise<number> =>
    (await registry.getSingleMetric('shadow_messages_total')!.get()).values.find(({ labels }) => labels['result'] === result)?.value ?? 0;
  const eventOf = (t: T, id: string, createdAt = new Date()) => ({
    ...{ transactionId: '0', position: 0, tenant: t.tenant, id: `QueryProcessed/${id}`, type: 'QueryProcessed' },
    ...{ subject: id, payload: {}, createdAt },
  });
  const never = new AbortController().signal;

  it('reads what the champion has answered, and the pair is kept', async () => {
    const t = newTenant();
    const read: string[] = [];
    Object.assign(mesh.inference.state, {
      challenger: CHALLENGER,
      predictChallenger: (text: string) => {
        read.push(text);
        return answer('track_refund');
      },
    });
    const shadow = startShadow(parts());
    const ids = await record(t, 5);
    await until(async () => (await shadowsOf(t)).length === 5);
    expect((await shadowsOf(t)).map(({ query_id, intent }) => [query_id, intent])).toEqual(ids.map((id) => [id, 'track_refund']));
    expect(read.sort()).toEqual(ids.map((_, i) => `Message ${i}`));
    await shadow.close();
  });

  it('that fails, or is too late, drops the message and counts it', async () => {
    const t = newTenant();
    const [id = ''] = await record(t, 1);
    const before = await counted('dropped');
    mesh.inference.state.predictChallenger = () => Promise.reject(new Error('broken'));
    expect(await shadowSink(parts()).deliver([eventOf(t, id)], never)).toEqual([]);
    mesh.inference.state.predictChallenger = () => answer('track_refund');
    expect(await shadowSink(parts()).deliver([eventOf(t, id, new Date(Date.now() - 120_000))], never)).toEqual([]);
    expect([await shadowsOf(t), (await counted('dropped')) - before]).toEqual([[], 2]);
  });

  it('that is busy reads the message when it is not, within the minute', async () => {
    const t = newTenant();
    const [id = ''] = await record(t, 1);
    let asked = 0;
    mesh.inference.state.predictChallenger = () =>
      ++asked < 3 ? Promise.reject(fault('INFERENCE_BUSY', { queued: 1 })) : answer('track_refund');
    await shadowSink(parts()).deliver([eventOf(t, id)], never);
    expect([asked, (await shadowsOf(t)).length]).toEqual([3, 1]);
    const before = await counted('dropped');
    const late = new Date(Date.now() - 59_000);
    mesh.inference.state.predictChallenger = () => Promise.reject(fault('INFERENCE_BUSY', { queued: 1 }));
    await shadowSink(parts()).deliver([eventOf(t, id, late)], never);
    expect((await counted('dropped')) - before).toBe(1);
  });

  it('counts what it cannot be compared on, and what came while inference was away', async () => {
    const t = newTenant();
    mesh.inference.state.predictChallenger = () => answer('track_refund');
    const id = newQueryId();
    await mesh.context.recordDecision({ query: aQuery({ id, decision: { id } as never }) }, t.as);
    const before = [await counted('skipped'), await counted('dropped')] as const;
    await shadowSink(parts()).deliver([eventOf(t, id)], never);
    let away = false;
    const describeChallenger = async () => (away ? Promise.reject(new Error('away')) : { digest: CHALLENGER, percent: 100 });
    const sink = shadowSink({ ...parts(), inference: { ...mesh.inferenceClient, describeChallenger } });
    await sink.deliver([], never);
    away = true;
    await sink.deliver([eventOf(t, id, new Date(Date.now() - 120_000))], never);
    expect([(await counted('skipped')) - before[0], (await counted('dropped')) - before[1]]).toEqual([1, 1]);
  });

  it('writes nothing of a customer who was erased meanwhile, and nothing while there is no challenger', async () => {
    const t = newTenant();
    const [id = ''] = await record(t, 1);
    mesh.inference.state.challenger = '';
    await shadowSink(parts()).deliver([eventOf(t, id)], never);
    expect(await shadowsOf(t)).toEqual([]);
    mesh.inference.state.challenger = CHALLENGER;
    await mesh.customers.eraseCustomer({ customerId: 'c-1' }, t.as);
    await shadowSink(parts()).deliver([eventOf(t, id)], never);
    expect(await shadowsOf(t)).toEqual([]);
  });

  it('writes nothing of a customer whose erasure it meets', async () => {
    const t = newTenant();
    const [id = ''] = await record(t, 1);
    mesh.inference.state.predictChallenger = () => answer('track_refund');
    let begun = (): void => {};
    const hasBegun = new Promise<void>((resolve) => {
      begun = resolve;
    });
    // What an erasure holds and does, slowly.
    const erasure = store.alone(t.as.within, async (tx) => {
      await tx.execute(sql`delete from queries where id = ${id}`);
      begun();
      await setTimeout(300);
    });
    await hasBegun;
    await shadowSink(parts()).deliver([eventOf(t, id)], never);
    await erasure;
    expect(await shadowsOf(t)).toEqual([]);
  });

  it('is compared with the champion on what people have labelled, by the label that stands', async () => {
    const t = newTenant();
    const ids = await record(t, 40);
    mesh.inference.state.predictChallenger = (text) => answer(Number(text.split(' ')[1]) % 2 === 0 ? 'track_refund' : 'get_refund');
    await shadowSink(parts()).deliver(
      ids.map((id) => eventOf(t, id)),
      never,
    );
    const told = { champion: CHAMPION, challenger: CHALLENGER };
    expect(await mesh.monitoring.compareBundles(told, t.as)).toMatchObject({ shadowed: 40, agreed: 20, labelled: 0, test: undefined });
    const label = (ids: readonly string[], word: string, at: string, drawn: 'random' | 'chosen' = 'random') =>
      store.within(t.as.within, (tx) =>
        tx.execute(sql`
          insert into labels (tenant, id, query_id, label_space, label, source, drawn, labelled_by, created_at)
          select ${t.tenant}, ${`${word}_${at}_`} || value, value, 'support', ${word}, 'review', ${drawn}, 'somebody', ${at}
          from jsonb_array_elements_text(${JSON.stringify(ids)}::jsonb)`),
      );
    const other = (await shadowsOf(t)).filter(({ intent }) => intent === 'track_refund').map(({ query_id }) => query_id);
    await label(other, 'get_refund', '2026-11-24T12:00:00Z');
    await label(other.slice(0, 15), 'track_refund', '2026-11-24T13:00:00Z');
    // Against that of a random review no later complaint counts.
    await label(other, 'delete_account', '2026-11-24T14:00:00Z', 'chosen');
    const agreed = ids.filter((id) => !other.includes(id));
    await label(agreed.slice(0, 10), 'get_refund', '2026-11-24T12:00:00Z');
    const compared = await mesh.monitoring.compareBundles(told, t.as);
    expect(compared).toMatchObject({ labelled: 30, bothRight: 10, championRight: 5, challengerRight: 15, neitherRight: 0 });
    expect(compared.test!.oneSidedP).toBeCloseTo(0.0207, 4);
    expect(compared.test!.accuracyDifference).toBeCloseTo(1 / 3, 12);
    expect(await mesh.monitoring.compareBundles({ ...told, labelSpace: 'banking' }, t.as)).toMatchObject({ shadowed: 0 });
    expect(await mesh.monitoring.compareBundles(told, newTenant().as)).toMatchObject({ shadowed: 0 });
  });

  it('is compared without reading a message, and by rows of its own time alone', async () => {
    const t = newTenant();
    const [id = ''] = await record(t, 1);
    const asked = { champion: CHAMPION, challenger: CHALLENGER, labelSpace: '' };
    // As a version wrote it that did not keep what the champion said.
    await store.within(t.as.within, (tx) =>
      tx.execute(sql`
        insert into shadow_predictions (tenant, query_id, bundle_digest, label_space, intent, confidence, uncertainty, created_at)
        values (${t.tenant}, ${id}, ${CHALLENGER}, 'support', 'get_refund', 0.7, 0.2, now())`),
    );
    expect(await mesh.monitoring.compareBundles(asked, t.as)).toMatchObject({ shadowed: 0, labelled: 0 });
    const plan = await store.within(t.as.within, async (tx) => {
      await tx.execute(sql`set local enable_seqscan = off`);
      await tx.execute(sql`set local enable_bitmapscan = off`);
      const rows = await rowsOf<{ 'QUERY PLAN': string }>(tx, sql`explain (costs off) ${pairCounts(asked)}`);
      return rows.map((row) => row['QUERY PLAN']).join('\n');
    });
    expect(plan).toContain('Index Only Scan using shadow_predictions_pair');
    expect(plan).not.toContain('queries');
  });
});
