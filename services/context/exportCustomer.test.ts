import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExportCustomerResponse } from '../../gen/replymesh/v1/customer_service.js';
import { ReviewOutcome } from '../../gen/replymesh/v1/review_service.js';
import { aQuery, newTenant, openTestStore, reasonOf, startContext, storeKinds, testKeys } from './context.fixture.js';
import { seed } from './seed.js';
import type { Store } from './store.js';

type Tenant = ReturnType<typeof newTenant>;
const HOUR_MS = 3_600_000;

describe.each(storeKinds)('an export from %s', (kind) => {
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
  const pagesOf = async ({ as }: Tenant, customerId: string, pageSize = 0): Promise<ExportCustomerResponse[]> => {
    const pages: ExportCustomerResponse[] = [];
    for (let pageToken = ''; pages.length === 0 || pageToken !== ''; pageToken = pages.at(-1)!.nextPageToken)
      pages.push(await mesh.customers.exportCustomer({ customerId, pageSize, pageToken }, as));
    return pages;
  };

  it('holds all that is stored about the customer in the clear, and nothing of another', async () => {
    const t = newTenant();
    await seed(store, testKeys(), t.tenant, mesh.clock.now);
    const query = aQuery({ customerId: 'cus_ada', text: 'Where is my umbrella?' });
    for (const one of [query, aQuery({ customerId: 'cus_ben', text: 'not hers' })]) await mesh.context.recordDecision({ query: one }, t.as);
    await mesh.feedback.submitFeedback({ queryId: query.id, satisfaction: 2, correctedIntent: 'track_refund' }, t.as);
    mesh.clock.now = new Date(mesh.clock.now.getTime() + 1000);
    await mesh.feedback.submitFeedback({ queryId: query.id, correctedIntent: 'my lost umbrella' }, t.as);
    await store.within(t.as.within, async (tx) => {
      await tx.execute(
        sql`insert into shadow_predictions values (${t.tenant}, ${query.id}, 'digest', 'support', 'lost_parcel', 0.5, 0.1, now())`,
      );
    });
    const [first, second, ...more] = await pagesOf(t, 'cus_ada');
    expect(more).toEqual([]);
    expect(first?.profile).toMatchObject({ id: 'cus_ada', displayName: 'Ada Mensah' });
    expect(first?.profile?.facts.length).toBeGreaterThan(0);
    expect(first?.interactions.map((i) => i.id)).toContain(query.id);
    expect(first?.interactions.length).toBeGreaterThan(1);
    expect(second?.queries).toEqual([
      {
        query,
        feedback: [
          expect.objectContaining({ queryId: query.id, satisfaction: 2, correctedIntent: 'track_refund' }),
          // As it was written, though it stands nowhere in the clear.
          expect.objectContaining({ queryId: query.id, correctedIntent: 'my lost umbrella' }),
        ],
        labels: [expect.objectContaining({ label: 'track_refund', source: 'feedback', labelledBy: 'replymesh' })],
        review: expect.objectContaining({ outcome: ReviewOutcome.UNSPECIFIED, editedReply: '' }),
        shadowPredictions: [expect.objectContaining({ intent: 'lost_parcel', confidence: 0.5, uncertainty: 0.1 })],
        auditRecords: [
          expect.objectContaining({ action: 'decision.recorded', subject: query.id }),
          expect.objectContaining({ action: 'feedback.given', subject: query.id }),
          expect.objectContaining({ action: 'feedback.given', subject: query.id }),
        ],
      },
    ]);
    expect(JSON.stringify([first, second])).not.toMatch(/cus_ben|not hers/);
  });

  it('gives the same in small pages, each row once', async () => {
    const t = newTenant();
    const times = [5, 4, 3, 3, 3, 2, 1].map((hours) => new Date(mesh.clock.now.getTime() - hours * HOUR_MS));
    for (const createTime of times) await mesh.context.recordDecision({ query: aQuery({ customerId: 'c-1', createTime }) }, t.as);
    const [whole, small] = [await pagesOf(t, 'c-1'), await pagesOf(t, 'c-1', 2)];
    const ids = (pages: ExportCustomerResponse[]) => [
      pages.flatMap((p) => p.interactions.map((i) => i.id)),
      pages.flatMap((p) => p.queries.map((q) => q.query?.id)),
    ];
    expect(small.length).toBeGreaterThan(6);
    expect(ids(small)).toEqual(ids(whole));
    expect(new Set(ids(whole)[1]).size).toBe(times.length);
  });

  it('is noted in the audit log, page by page, and tells of the exports before', async () => {
    const t = newTenant();
    await mesh.context.recordDecision({ query: aQuery({ customerId: 'c-1' }) }, t.as);
    await pagesOf(t, 'c-1');
    const [again] = await pagesOf(t, 'c-1');
    expect(again?.auditRecords.map((r) => [r.action, r.subject, r.detail])).toEqual([
      ['customer.exported', 'c-1', { list: 'queries', rows: '1' }],
      ['customer.exported', 'c-1', { list: 'history', rows: '1' }],
    ]);
    expect(await mesh.audit.verifyAuditLog({}, t.as)).toMatchObject({ recordCount: 5, fault: undefined });
  });

  it('of somebody who was erased tells that alone', async () => {
    const t = newTenant();
    await mesh.context.recordDecision({ query: aQuery({ customerId: 'c-1' }) }, t.as);
    await mesh.customers.eraseCustomer({ customerId: 'c-1' }, t.as);
    const pages = await pagesOf(t, 'c-1');
    expect(pages.flatMap((p) => [...p.queries, ...p.interactions])).toEqual([]);
    expect(pages[0]).toMatchObject({ profile: undefined, auditRecords: [{ action: 'customer.erased', subject: 'c-1' }] });
  });

  it("goes on with a token of its own alone, and reaches no other tenant's customer", async () => {
    const [t, other] = [newTenant(), newTenant()];
    for (let i = 0; i < 3; i += 1) await mesh.context.recordDecision({ query: aQuery({ customerId: 'c-1' }) }, t.as);
    const { nextPageToken: pageToken } = await mesh.customers.exportCustomer({ customerId: 'c-1', pageSize: 1 }, t.as);
    expect(await reasonOf(mesh.customers.exportCustomer({ customerId: 'c-2', pageToken }, t.as))).toBe('PAGE_TOKEN_INVALID');
    expect(await reasonOf(mesh.customers.exportCustomer({ customerId: 'c-1', pageToken }, other.as))).toBe('PAGE_TOKEN_INVALID');
    const [digest] = JSON.parse(Buffer.from(pageToken, 'base64url').toString()) as [string];
    for (const key of [[], ['feedback'], ['history', 'x'], ['history', 1e300, 'x'], ['queries', 1], ['queries', 1, 'x', 2]]) {
      const made = Buffer.from(JSON.stringify([digest, ...key])).toString('base64url');
      expect([key, await reasonOf(mesh.customers.exportCustomer({ customerId: 'c-1', pageToken: made }, t.as))]).toEqual([
        key,
        'PAGE_TOKEN_INVALID',
      ]);
    }
    expect((await pagesOf(other, 'c-1')).flatMap((p) => p.queries)).toEqual([]);
  });
});
