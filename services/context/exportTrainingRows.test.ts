import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Draw, ReviewOutcome } from '../../gen/replymesh/v1/review_service.js';
import type { ExportTrainingRowsRequest, ExportTrainingRowsResponse, TrainingRow } from '../../gen/replymesh/v1/training_service.js';
import { background } from '../../lib/call.js';
import { aQuery, newQueryId, newTenant, openTestStore, reasonOf, startContext, storeKinds } from './context.fixture.js';
import { isDrawn } from './reviewDraw.js';
import type { Store } from './store.js';

const SAMPLE = 0.2;
const idThatIs = (drawn: boolean): string => {
  for (;;) {
    const id = newQueryId();
    if (isDrawn(id, SAMPLE) === drawn) return id;
  }
};

describe.each(storeKinds)('training rows on %s', (kind) => {
  let store: Store;
  let mesh: Awaited<ReturnType<typeof startContext>>;
  beforeAll(async () => {
    store = await openTestStore(kind);
    mesh = await startContext(store, { reviewSample: SAMPLE });
  });
  afterAll(async () => {
    await mesh.close();
    await store.close();
  });
  type Tenant = ReturnType<typeof newTenant>;
  const batches = async ({ as }: Tenant, request: Partial<ExportTrainingRowsRequest> = {}): Promise<ExportTrainingRowsResponse[]> => {
    const found: ExportTrainingRowsResponse[] = [];
    for await (const batch of mesh.training.exportTrainingRows({ labelSpace: 'support', ...request }, as)) found.push(batch);
    return found;
  };
  const rowsFor = async (t: Tenant, request: Partial<ExportTrainingRowsRequest> = {}): Promise<TrainingRow[]> =>
    (await batches(t, request)).flatMap(({ rows }) => rows);
  const record = async (t: Tenant, fields: Parameters<typeof aQuery>[0] = {}): Promise<string> => {
    const query = aQuery({ id: idThatIs(false), ...fields });
    await mesh.context.recordDecision({ query }, t.as);
    return query.id;
  };
  const correct = (t: Tenant, queryId: string, correctedIntent: string) => mesh.feedback.submitFeedback({ queryId, correctedIntent }, t.as);
  const review = (t: Tenant, queryId: string, label: string) =>
    mesh.reviews.resolveReview({ queryId, outcome: ReviewOutcome.APPROVED, label }, t.as);
  const later = (): void => {
    mesh.clock.now = new Date(mesh.clock.now.getTime() + 1000);
  };

  it('are the messages that people labelled, in the clear, each with where its label comes from', async () => {
    const t = newTenant();
    const queryId = await record(t, { text: 'Where is my umbrella?', customerId: 'c-1', intent: 'track_refund' });
    await record(t, { text: 'nobody labelled this' });
    await review(t, queryId, 'get_refund');
    const [batch, ...more] = await batches(t);
    expect(more).toEqual([]);
    expect(batch).toEqual({
      rows: [
        {
          ...{
            text: 'Where is my umbrella?',
            label: 'get_refund',
            labelKnown: true,
            disputed: false,
            queryId,
            source: 'review',
            draw: Draw.CHOSEN,
          },
          ...{
            labelId: expect.stringMatching(/^lbl_/),
            labelledBy: expect.stringMatching(/^person_[0-9a-f]{16}$/),
            labelTime: mesh.clock.now,
          },
          ...{ predictedLabel: 'track_refund', bundleDigest: 'b'.repeat(64) },
        },
      ],
      nextPageToken: '',
      sample: { drawn: 0, resolved: 0, labelled: 0 },
      servedBundleDigest: 'a'.repeat(64),
    });
    const { records } = await mesh.audit.listAuditRecords({ action: 'training.exported' }, t.as);
    expect(records).toMatchObject([{ subject: 'support', actor: 'replymesh' }]);
  });

  it('have the newest label of each message, and say where people differ', async () => {
    const t = newTenant();
    const [twice, same] = [await record(t), await record(t)];
    await correct(t, twice, 'track_refund');
    await correct(t, same, 'cancel_order');
    later();
    await correct(t, same, 'cancel_order');
    await review(t, twice, 'cancel_order');
    const found = new Map((await rowsFor(t)).map((row) => [row.queryId, [row.label, row.source, row.disputed]]));
    expect(found).toEqual(
      new Map([
        [twice, ['cancel_order', 'review', true]],
        [same, ['cancel_order', 'feedback', false]],
      ]),
    );
  });

  it('keep the random sample whole: who complains later takes no message out of it', async () => {
    const t = newTenant();
    const [drawn, open, silent] = [
      await record(t, { id: idThatIs(true) }),
      await record(t, { id: idThatIs(true) }),
      await record(t, { id: idThatIs(true) }),
    ];
    await review(t, drawn, 'get_refund');
    later();
    await correct(t, drawn, 'track_refund');
    await correct(t, open, 'track_refund');
    await mesh.reviews.resolveReview({ queryId: silent, outcome: ReviewOutcome.REJECTED }, t.as);
    const found = new Map((await rowsFor(t)).map((row) => [row.queryId, [row.label, row.draw, row.disputed]]));
    expect(found).toEqual(
      new Map([
        [drawn, ['get_refund', Draw.RANDOM, true]],
        [open, ['track_refund', Draw.CHOSEN, false]],
      ]),
    );
    const since = await rowsFor(t, { startTime: mesh.clock.now });
    expect(new Map(since.map((row) => [row.queryId, [row.label, row.draw, row.disputed]]))).toEqual(found);
    expect((await rowsFor(t, { draw: Draw.RANDOM })).map((row) => row.queryId)).toEqual([drawn]);
    expect((await rowsFor(t, { draw: Draw.CHOSEN })).map((row) => row.queryId)).toEqual([open]);
    expect((await batches(t))[0]?.sample).toEqual({ drawn: 3, resolved: 2, labelled: 1 });
  });

  it('name people by a pseudonym, which is the same for the same person', async () => {
    const t = newTenant();
    const as = (subject: string) => {
      const within = background({ tenant: t.tenant, timeoutMs: 60_000 });
      return { within: { ...within, principal: { ...within.principal, subject } } };
    };
    for (const subject of ['ada', 'ada', 'bob'])
      await mesh.reviews.resolveReview({ queryId: await record(t), outcome: ReviewOutcome.APPROVED }, as(subject));
    const names = (await rowsFor(t)).map((row) => row.labelledBy);
    expect([names.length, new Set(names).size, names.join().includes('ada')]).toEqual([3, 2, false]);
  });

  it('say which labels the space does not have, and are of that space alone', async () => {
    const t = newTenant();
    await correct(t, await record(t), 'cancel_order');
    // Of a bundle before.
    await correct(t, await record(t, { intent: 'lost_parcel' }), 'lost_parcel');
    await correct(t, await record(t, { labelSpace: 'many', intent: 'label_1' }), 'label_2');
    expect((await rowsFor(t)).map((row) => [row.label, row.labelKnown]).sort()).toEqual([
      ['cancel_order', true],
      ['lost_parcel', false],
    ]);
    expect((await rowsFor(t, { labelSpace: 'many' })).map((row) => row.label)).toEqual(['label_2']);
    expect(await reasonOf(rowsFor(t, { labelSpace: 'no-such-space' }))).toBe('LABEL_SPACE_UNKNOWN');
  });

  it('are of no message that the models have not read, since nobody has looked for names in it', async () => {
    const t = newTenant();
    const unread = aQuery({ id: idThatIs(false), labelSpace: '', text: 'I am Krisztina Horváth' });
    await mesh.context.recordDecision({ query: { ...unread, decision: { ...unread.decision!, evidence: undefined } } }, t.as);
    await correct(t, unread.id, 'cancel_order');
    await review(t, unread.id, 'cancel_order');
    expect(await rowsFor(t)).toEqual([]);
  });

  it('are of messages labelled since a time, and never of another tenant, an erased customer or a message that is gone', async () => {
    const [t, other] = [newTenant(), newTenant()];
    await correct(other, await record(other), 'cancel_order');
    await correct(t, await record(t), 'cancel_order');
    const [erased, gone, kept] = [await record(t, { customerId: 'c-1' }), await record(t), await record(t)];
    later();
    for (const id of [erased, gone, kept]) await correct(t, id, 'get_refund');
    await mesh.customers.eraseCustomer({ customerId: 'c-1' }, t.as);
    await store.within(t.as.within, (tx) => tx.execute(sql`delete from queries where id = ${gone}`));
    expect((await rowsFor(t, { startTime: mesh.clock.now })).map((row) => row.queryId)).toEqual([kept]);
    expect(await rowsFor(t)).toHaveLength(2);
  });

  it('come in batches, each row once, from any of which another call goes on', async () => {
    const t = newTenant();
    const text = 'long '.repeat(2000);
    const queries = Array.from({ length: 450 }, () => aQuery({ id: idThatIs(false), text }));
    for (let i = 0; i < queries.length; i += 50)
      await Promise.all(queries.slice(i, i + 50).map((query) => mesh.context.recordDecision({ query }, t.as)));
    const at = mesh.clock.now.toISOString();
    await store.within(t.as.within, (tx) =>
      tx.execute(sql`
        insert into labels (tenant, id, query_id, label_space, label, source, drawn, labelled_by, created_at)
        select ${t.tenant}, 'lbl_' || id, id, 'support', 'get_refund', 'review', 'chosen', 'ada', ${at}::timestamptz from queries`),
    );
    const all = await batches(t);
    expect(all.length).toBeGreaterThan(2);
    const ids = all.flatMap(({ rows }) => rows.map((row) => row.queryId));
    expect([...ids].sort()).toEqual(queries.map((query) => query.id).sort());
    const rest = await rowsFor(t, { pageToken: all[0]!.nextPageToken });
    expect(rest.map((row) => row.queryId)).toEqual(ids.slice(all[0]!.rows.length));
    expect(await reasonOf(rowsFor(t, { pageToken: all[0]!.nextPageToken, draw: Draw.RANDOM }))).toBe('PAGE_TOKEN_INVALID');
    expect(await reasonOf(rowsFor(newTenant(), { pageToken: all[0]!.nextPageToken }))).toBe('PAGE_TOKEN_INVALID');
  });
});
