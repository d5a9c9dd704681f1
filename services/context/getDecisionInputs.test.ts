import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CustomerTier, FactType } from '../../gen/replymesh/type/v1/customer.js';
import { PriorityLevel } from '../../gen/replymesh/type/v1/decision.js';
import { DecisionInputs } from '../../gen/replymesh/type/v1/decision_inputs.js';
import { IntentMode } from '../../gen/replymesh/type/v1/policy.js';
import { aQuery, newQueryId, newTenant, openTestStore, reasonOf, startContext, storeKinds } from './context.fixture.js';
import { rowsOf, type Store } from './store.js';

const inputsWith = (passages: DecisionInputs['passages']): DecisionInputs =>
  DecisionInputs.fromPartial({
    customer: {
      id: 'c-1',
      displayName: 'Zanzi Umbrella',
      tier: CustomerTier.PLUS,
      language: 'en',
      facts: [{ key: 'order.number', value: 'NW-1', type: FactType.NUMBER }],
    },
    passages,
    transcript: { text: 'Dear Zanzi, it is on its way.', finishReason: 'stop', usage: { model: 'm', promptTokens: 3 }, passagesShown: 1 },
    policy: {
      version: '7',
      defaultMode: IntentMode.AUTO,
      intents: { get_refund: IntentMode.DRAFT },
      maxPredictionSetAuto: 1,
      escalateFromPriority: PriorityLevel.URGENT,
    },
  });

describe.each(storeKinds)('what a decision was made from, on %s,', (kind) => {
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

  it('is kept encrypted and comes back whole, with the passages as they are today', async () => {
    const { as, tenant } = newTenant();
    await mesh.knowledge.createArticle({ article: { id: 'refunds', title: 'Refunds', body: 'Within 5 days.' } }, as);
    const inputs = inputsWith([
      { id: 'refunds#0', articleId: 'refunds', title: 'Refunds', textSha256: 'a' },
      { id: 'gone#0', articleId: 'gone', title: 'Gone', textSha256: 'b' },
    ]);
    const query = aQuery({ customerId: 'c-1' });
    await mesh.context.recordDecision({ query, fingerprint: '', inputs }, as);
    const { outcome } = await mesh.context.getDecisionInputs({ id: query.id }, as);
    expect(outcome).toMatchObject({
      $case: 'recorded',
      value: { query, inputs, passages: [{ id: 'refunds#0', articleId: 'refunds', title: 'Refunds', text: 'Within 5 days.' }] },
    });
    const [stored] = await store.within(as.within, (tx) => rowsOf<{ bytes: Uint8Array }>(tx, sql`select inputs as bytes from queries`));
    expect(Buffer.from(stored!.bytes).includes('Zanzi')).toBe(false);
    const events = await store.background((tx) =>
      rowsOf<{ payload: object }>(tx, sql`select payload from outbox where tenant = ${tenant}`),
    );
    expect(JSON.stringify(events)).not.toMatch(/Zanzi|NW-1|on its way/);
    const { records } = await mesh.audit.listAuditRecords({ action: 'decision.recorded' }, as);
    expect(records[0]?.detail['inputs_sha256']).toMatch(/^[0-9a-f]{64}$/);
    expect((await mesh.audit.verifyAuditLog({}, as)).fault).toBeUndefined();
  });

  it('is exported and erased with its customer; what was erased is told from what never was', async () => {
    const { as } = newTenant();
    const query = aQuery({ customerId: 'c-1' });
    const inputs = inputsWith([]);
    await mesh.context.recordDecision({ query, fingerprint: '', inputs }, as);
    const { nextPageToken: pageToken } = await mesh.customers.exportCustomer({ customerId: 'c-1' }, as);
    expect((await mesh.customers.exportCustomer({ customerId: 'c-1', pageToken }, as)).queries).toMatchObject([{ query, inputs }]);
    await mesh.customers.eraseCustomer({ customerId: 'c-1' }, as);
    expect(await mesh.context.getDecisionInputs({ id: query.id }, as)).toEqual({ outcome: { $case: 'erased', value: {} } });
    expect(await reasonOf(mesh.context.getDecisionInputs({ id: newQueryId() }, as))).toBe('QUERY_NOT_FOUND');
  });

  it('is absent where a version recorded the decision that kept none, and nobody else’s to read', async () => {
    const [{ as }, other] = [newTenant(), newTenant()];
    const query = aQuery();
    await mesh.context.recordDecision({ query, fingerprint: '' }, as);
    expect((await mesh.context.getDecisionInputs({ id: query.id }, as)).outcome).toMatchObject({ value: { query, inputs: undefined } });
    expect(await reasonOf(mesh.context.getDecisionInputs({ id: query.id }, other.as))).toBe('QUERY_NOT_FOUND');
  });
});
