import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aQuery, newTenant, openTestStore, reasonOf, startContext, storeKinds } from './context.fixture.js';
import { rowsOf, type Store } from './store.js';

describe.each(storeKinds)('a corrected intent on %s', (kind) => {
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
  type Tenant = ReturnType<typeof newTenant>;
  const record = async ({ as }: Tenant, fields: Parameters<typeof aQuery>[0] = {}, at = mesh) => {
    const query = aQuery({ customerId: 'c-1', ...fields });
    await at.context.recordDecision({ query }, as);
    return query.id;
  };
  /** What stands in the clear of it: in its row, as a label, and in its event. */
  const stands = async ({ as, tenant }: Tenant) => ({
    row: await store.within(as.within, (tx) => rowsOf(tx, sql`select corrected_intent as said from feedback order by created_at`)),
    labels: await store.within(as.within, (tx) => rowsOf(tx, sql`select label_space as space, label from labels order by created_at`)),
    told: await store.background((tx) =>
      rowsOf(tx, sql`select payload->>'corrected_intent' as said from outbox where tenant = ${tenant} and type = 'FeedbackReceived'`),
    ),
  });

  it.each([
    ['of the space', { labelSpace: 'support' }, 'cancel_order', 'support'],
    ['of none', { labelSpace: 'support' }, 'out_of_scope', 'support'],
    ['that the models of before had named', { labelSpace: 'support', intent: 'lost_parcel' }, 'lost_parcel', 'support'],
    ['of the default space, where no model has read the message', { labelSpace: '' }, 'cancel_order', 'support'],
    ['of another space', { labelSpace: 'many' }, 'label_7', 'many'],
  ])('is a label where it is one %s', async (_, fields, said, space) => {
    const t = newTenant();
    const { feedback } = await mesh.feedback.submitFeedback({ queryId: await record(t, fields), correctedIntent: said }, t.as);
    expect(feedback).toMatchObject({ correctedIntent: said });
    expect(await stands(t)).toEqual({ row: [{ said }], labels: [{ space, label: said }], told: [{ said }] });
  });

  it.each([
    ['support', 'Schneider'],
    ['support', '4111111111111111'],
    ['support', 'my neighbour has it'],
    ['support', 'label_7'],
    ['support', 'Cancel_order'],
    ['no-longer-served', 'cancel_order'],
  ])('of the space %s stands nowhere in the clear where it is no label: %s', async (labelSpace, correctedIntent) => {
    const t = newTenant();
    const queryId = await record(t, { labelSpace });
    expect((await mesh.feedback.submitFeedback({ queryId, correctedIntent }, t.as)).feedback).toMatchObject({ correctedIntent: 'other' });
    expect(await stands(t)).toEqual({ row: [{ said: 'other' }], labels: [], told: [{ said: 'other' }] });
  });

  it('is taken for no label while nobody can tell, and the feedback counts all the same', async () => {
    const away = await startContext(store, { inferenceAway: true });
    const t = newTenant();
    const queryId = await record(t, { intent: 'get_refund' }, away);
    for (const correctedIntent of ['cancel_order', 'get_refund']) {
      away.clock.now = new Date(away.clock.now.getTime() + 1000);
      await away.feedback.submitFeedback({ queryId, satisfaction: 1, correctedIntent }, t.as);
    }
    expect((await away.context.getContext({ customerId: 'c-1' }, t.as)).interactions).toMatchObject([{ satisfactionScore: 1 }]);
    const told = [{ said: 'other' }, { said: 'get_refund' }];
    expect(await stands(t)).toEqual({ row: told, labels: [{ space: 'support', label: 'get_refund' }], told });
    await away.close().catch(() => {});
  });

  it.each(['Schneider', 'cancel_order'])(
    'that is sent again is stored once; with other words it is refused: %s',
    async (correctedIntent) => {
      const t = newTenant();
      const queryId = await record(t);
      const give = (more: object = {}) =>
        mesh.feedback.submitFeedback({ queryId, satisfaction: 5, correctedIntent, requestId: 'f-1', ...more }, t.as);
      expect(await give()).toEqual(await give());
      for (const more of [
        { correctedIntent: 'Meier' },
        { satisfaction: 1 },
        { resolved: true },
        { correctedIntent: 'track_refund' },
        { correctedIntent: '' },
      ])
        expect(await reasonOf(give(more))).toBe('REQUEST_ID_REUSED');
      expect((await stands(t)).row).toHaveLength(1);
      expect((await mesh.context.getContext({ customerId: 'c-1' }, t.as)).interactions).toMatchObject([{ satisfactionScore: 5 }]);
    },
  );
});
