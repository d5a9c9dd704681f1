import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { RichClientError } from 'nice-grpc-error-details';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Action, Decision, PriorityLevel, type Query } from '../../gen/replymesh/type/v1/decision.js';
import {
  Draw,
  type ListReviewsRequest,
  type ResolveReviewRequest,
  type Review,
  ReviewOrder,
  ReviewOutcome,
} from '../../gen/replymesh/v1/review_service.js';
import { background } from '../../lib/call.js';
import { aQuery, MANY_LABELS, newQueryId, newTenant, openTestStore, reasonOf, startContext, storeKinds } from './context.fixture.js';
import { forgetOld } from './queryPartitions.js';
import { isDrawn } from './reviewDraw.js';
import { rowsOf, type Store } from './store.js';

const SAMPLE = 0.2;
const START = new Date('2026-11-01T00:00:00Z').getTime();

/** An id that chance draws, or leaves. */
const idThatIs = (drawn: boolean): string => {
  for (;;) {
    const id = newQueryId();
    if (isDrawn(id, SAMPLE) === drawn) return id;
  }
};

describe.each(storeKinds)('reviews on %s', (kind) => {
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
  /** The same tenant in another person's name. */
  const asPerson = ({ tenant }: Tenant, subject: string) => {
    const within = background({ tenant, timeoutMs: 60_000 });
    return { within: { ...within, principal: { ...within.principal, subject } } };
  };
  const record = async (t: Tenant, fields: Parameters<typeof aQuery>[0] & { level?: PriorityLevel; information?: number } = {}) => {
    const { level, information, ...own } = fields;
    const whole = aQuery({ id: idThatIs(false), ...own });
    const priority = level === undefined ? undefined : { level, score: 0.5, reasons: [] };
    const uncertainty = information === undefined ? undefined : { mutualInformation: information };
    const query: Query = { ...whole, decision: Decision.fromPartial({ ...whole.decision, priority, uncertainty }) };
    await mesh.context.recordDecision({ query }, t.as);
    return query;
  };
  const walk = async (request: Partial<ListReviewsRequest>, as: Tenant['as']): Promise<Review[]> => {
    const found: Review[] = [];
    for (let pageToken = '', more = true; more; more = pageToken !== '') {
      const page = await mesh.reviews.listReviews({ ...request, pageToken }, as);
      found.push(...page.reviews);
      pageToken = page.nextPageToken;
    }
    return found;
  };
  const idsOf = (reviews: readonly Review[]): string[] => reviews.map(({ query }) => query!.id);
  const resolve = (t: Tenant, queryId: string, request: Partial<ResolveReviewRequest> = {}, subject = 'ada') =>
    mesh.reviews
      .resolveReview({ queryId, outcome: ReviewOutcome.APPROVED, requestId: `r-${queryId}`, ...request }, asPerson(t, subject))
      .then(({ review }) => review!);
  const labelsOf = ({ tenant, as }: Tenant) =>
    store.within(as.within, (tx) =>
      rowsOf<Record<string, string>>(
        tx,
        sql`select query_id, label_space, label, source, drawn, labelled_by from labels where tenant = ${tenant} order by created_at, id`,
      ),
    );

  it('holds every draft and escalation, and what chance drew of the rest, by priority and then by age', async () => {
    const t = newTenant();
    const at = (second: number) => new Date(START + second * 1000);
    const late = await record(t, { level: PriorityLevel.HIGH, createTime: at(9) });
    const early = await record(t, { level: PriorityLevel.HIGH, createTime: at(1) });
    const urgent = await record(t, { action: Action.ESCALATE, level: PriorityLevel.URGENT, createTime: at(5) });
    await record(t, { action: Action.AUTO });
    const drawn = await record(t, { id: idThatIs(true), action: Action.AUTO, level: PriorityLevel.LOW, createTime: at(0) });
    const reviews = await walk({}, t.as);
    expect(idsOf(reviews)).toEqual([urgent.id, early.id, late.id, drawn.id]);
    expect(reviews.map((r) => r.draw)).toEqual([Draw.CHOSEN, Draw.CHOSEN, Draw.CHOSEN, Draw.RANDOM]);
    expect(reviews[0]).toMatchObject({ query: urgent, outcome: ReviewOutcome.UNSPECIFIED, label: '', claimedBy: '' });
  });

  it('are visited once each, in the order asked for, whatever filter and page size', async () => {
    const t = newTenant();
    const levels = [PriorityLevel.LOW, PriorityLevel.URGENT, PriorityLevel.NORMAL];
    const queries = await Promise.all(
      Array.from({ length: 17 }, (_, i) =>
        record(t, {
          id: idThatIs(i % 4 === 0),
          action: i % 2 ? Action.DRAFT : Action.ESCALATE,
          labelSpace: i % 3 ? 'support' : 'many',
          level: levels[i % 3]!,
          information: (i % 5) / 7,
          createTime: new Date(START + (i % 4) * 1000),
        }),
      ),
    );
    const rank = (q: Query): number => -(q.decision?.priority?.level ?? 0);
    const information = (q: Query): number => q.decision?.uncertainty?.mutualInformation ?? 0;
    const byId = (a: Query, b: Query): number => (a.id < b.id ? -1 : 1);
    const sorted = (order: ReviewOrder): Query[] =>
      [...queries].sort((a, b) =>
        order === ReviewOrder.INFORMATION
          ? information(b) - information(a) || -byId(a, b)
          : rank(a) - rank(b) || Number(a.createTime) - Number(b.createTime) || byId(a, b),
      );
    const requests = fc.record({
      pageSize: fc.integer({ min: 1, max: 18 }),
      order: fc.constantFrom(ReviewOrder.UNSPECIFIED, ReviewOrder.URGENCY, ReviewOrder.INFORMATION),
      action: fc.constantFrom(Action.UNSPECIFIED, Action.DRAFT, Action.ESCALATE),
      labelSpace: fc.constantFrom('', 'many'),
      draw: fc.constantFrom(Draw.UNSPECIFIED, Draw.RANDOM, Draw.CHOSEN),
    });
    await fc.assert(
      fc.asyncProperty(requests, async (request) => {
        const expected = sorted(request.order).filter(
          (q) =>
            (request.action === Action.UNSPECIFIED || q.decision?.action === request.action) &&
            (request.labelSpace === '' || q.labelSpace === request.labelSpace) &&
            (request.draw === Draw.UNSPECIFIED || isDrawn(q.id, SAMPLE) === (request.draw === Draw.RANDOM)),
        );
        expect(idsOf(await walk(request, t.as))).toEqual(expected.map((q) => q.id));
      }),
      { numRuns: 25 },
    );
  });

  it('whose message is gone end no list', async () => {
    const t = newTenant();
    const at = (second: number) => ({ createTime: new Date(START + second * 1000) });
    const [first, gone, last] = [await record(t, at(0)), await record(t, at(1)), await record(t, at(2))];
    await store.within(t.as.within, (tx) => tx.execute(sql`delete from queries where id = ${gone.id}`));
    expect(idsOf(await walk({ pageSize: 1 }, t.as))).toEqual([first.id, last.id]);
    expect(await reasonOf(resolve(t, gone.id))).toBe('REVIEW_NOT_FOUND');
  });

  it('refuse a page token of another tenant, filter or order', async () => {
    const [t, other] = [newTenant(), newTenant()];
    await Promise.all([record(t), record(t), record(other), record(other)]);
    const { nextPageToken: pageToken } = await mesh.reviews.listReviews({ pageSize: 1 }, t.as);
    for (const [request, as] of [
      [{ pageSize: 1 }, other.as],
      [{ pageSize: 1, order: ReviewOrder.INFORMATION }, t.as],
      [{ pageSize: 1, labelSpace: 'many' }, t.as],
    ] as const)
      expect(await reasonOf(mesh.reviews.listReviews({ ...request, pageToken }, as))).toBe('PAGE_TOKEN_INVALID');
  });

  it('are held by one person at a time, until the lease ends', async () => {
    const t = newTenant();
    const { id: queryId } = await record(t);
    const claim = (subject: string) => mesh.reviews.claimReview({ queryId, lease: { seconds: 60, nanos: 0 } }, asPerson(t, subject));
    const outcomes = await Promise.all(['ada', 'bob', 'eve'].map((subject) => reasonOf(claim(subject))));
    expect(outcomes.filter((outcome) => outcome === 'it succeeded')).toHaveLength(1);
    const [winner, loser] =
      outcomes[0] === 'it succeeded' ? ['ada', 'bob'] : outcomes[1] === 'it succeeded' ? ['bob', 'ada'] : ['eve', 'ada'];
    expect((await claim(winner)).review).toMatchObject({ claimedBy: winner, claimExpireTime: new Date(mesh.clock.now.getTime() + 60_000) });

    const refused: unknown = await claim(loser).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(RichClientError);
    expect((refused as RichClientError).extra).toContainEqual(
      expect.objectContaining({ $type: 'google.rpc.RetryInfo', retryDelay: expect.objectContaining({ seconds: 60 }) }),
    );
    expect(await reasonOf(resolve(t, queryId, {}, loser))).toBe('REVIEW_CLAIMED');
    expect(idsOf(await walk({ unclaimed: true }, asPerson(t, loser)))).toEqual([]);
    expect(idsOf(await walk({ unclaimed: true }, asPerson(t, winner)))).toEqual([queryId]);

    const before = mesh.clock.now;
    mesh.clock.now = new Date(before.getTime() + 60_000);
    expect((await claim(loser)).review?.claimedBy).toBe(loser);
    mesh.clock.now = before;
  });

  it('are resolved once, and the same request gets the first answer', async () => {
    const t = newTenant();
    const { id } = await record(t, { intent: 'get_refund' });
    const [first, second] = await Promise.all([resolve(t, id), resolve(t, id)]);
    expect(second).toEqual(first);
    expect(first).toMatchObject({ outcome: ReviewOutcome.APPROVED, label: 'get_refund', resolvedBy: 'ada', resolveTime: mesh.clock.now });
    expect(await resolve(t, id, { label: 'get_refund' })).toEqual(first);
    for (const other of [{ label: 'track_refund' }, { outcome: ReviewOutcome.REJECTED }])
      expect(await reasonOf(resolve(t, id, other))).toBe('REQUEST_ID_REUSED');
    expect(await reasonOf(resolve(t, id, { requestId: 'another' }))).toBe('REVIEW_RESOLVED');
    expect(await reasonOf(mesh.reviews.claimReview({ queryId: id }, t.as))).toBe('REVIEW_RESOLVED');
    expect((await mesh.reviews.getReview({ queryId: id }, t.as)).review).toEqual(first);
    expect(await walk({}, t.as)).toEqual([]);
    expect(await labelsOf(t)).toHaveLength(1);
  });

  it('are of no tenant but their own', async () => {
    const [t, other] = [newTenant(), newTenant()];
    const { id: queryId } = await record(t);
    expect(await walk({}, other.as)).toEqual([]);
    expect(await reasonOf(mesh.reviews.getReview({ queryId }, other.as))).toBe('REVIEW_NOT_FOUND');
    expect(await reasonOf(mesh.reviews.claimReview({ queryId }, other.as))).toBe('REVIEW_NOT_FOUND');
    expect(await reasonOf(resolve(other, queryId))).toBe('REVIEW_NOT_FOUND');
  });

  it('keep an edited reply, which nobody reads in the database without the key, and announce no word of it', async () => {
    const t = newTenant();
    const { id } = await record(t, { customerId: 'c-1' });
    const editedReply = 'Dear customer, your parcel is a secret.';
    expect(await resolve(t, id, { outcome: ReviewOutcome.EDITED, editedReply })).toMatchObject({ editedReply, label: '' });
    const stored = await store.within(t.as.within, (tx) => rowsOf<Record<string, unknown>>(tx, sql`select * from reviews`));
    const announced = await store.background((tx) =>
      rowsOf<{ type: string; payload: Record<string, unknown> }>(tx, sql`select type, payload from outbox where tenant = ${t.tenant}`),
    );
    const text = [...stored.flatMap((row) => Object.values(row)), JSON.stringify(announced)].map((v) =>
      v instanceof Uint8Array ? Buffer.from(v).toString('latin1') : String(v),
    );
    expect(text.join(' ')).not.toContain('secret');
    expect(announced.at(-1)).toMatchObject({
      type: 'ReviewResolved',
      payload: { query_id: id, customer_id: 'c-1', intent: 'get_refund', outcome: 'EDITED', label: '', agreed: null, drawn: 'chosen' },
    });
    const { records } = await mesh.audit.listAuditRecords({ subject: id, action: 'review.resolved' }, t.as);
    expect(records).toMatchObject([{ actor: 'ada', detail: { outcome: 'EDITED', label: '', drawn: 'chosen' } }]);
    expect((await mesh.audit.verifyAuditLog({}, t.as)).fault).toBeUndefined();

    const { queries } = await mesh.customers.exportCustomer({ customerId: 'c-1', pageToken: '' }, t.as).then(async (first) => ({
      queries: [
        ...first.queries,
        ...(first.nextPageToken
          ? (await mesh.customers.exportCustomer({ customerId: 'c-1', pageToken: first.nextPageToken }, t.as)).queries
          : []),
      ],
    }));
    expect(queries[0]?.review).toMatchObject({ editedReply, outcome: ReviewOutcome.EDITED, resolvedBy: 'ada' });

    const { stores } = await mesh.customers.eraseCustomer({ customerId: 'c-1' }, t.as);
    expect(stores).toContainEqual({ store: 'reviews', removed: 1, remains: '' });
    const after = await store.background((tx) =>
      rowsOf<{ payload: Record<string, unknown> }>(
        tx,
        sql`select payload from outbox where tenant = ${t.tenant} and type = 'ReviewResolved'`,
      ),
    );
    expect(after).toMatchObject([{ payload: { customer_id: '' } }]);
    expect(await reasonOf(mesh.reviews.getReview({ queryId: id }, t.as))).toBe('REVIEW_NOT_FOUND');
  });

  it('take an edited reply with the outcome EDITED and no other', async () => {
    const t = newTenant();
    const { id } = await record(t);
    expect(await reasonOf(resolve(t, id, { outcome: ReviewOutcome.EDITED }))).toBe('FIELD_VIOLATION');
    expect(await reasonOf(resolve(t, id, { outcome: ReviewOutcome.REJECTED, editedReply: 'x' }))).toBe('FIELD_VIOLATION');
    expect(await reasonOf(resolve(t, id, { outcome: ReviewOutcome.UNSPECIFIED }))).toBe('FIELD_VIOLATION');
  });

  it('go with their messages when their time is over', async () => {
    const t = newTenant();
    const old = await record(t, { createTime: new Date('2019-01-05T00:00:00Z') });
    const young = await record(t, { createTime: new Date() });
    await forgetOld(store, 365, new Date(), new AbortController().signal);
    const left = await store.within(t.as.within, (tx) => rowsOf<{ query_id: string }>(tx, sql`select query_id from reviews`));
    expect([left.map((row) => row.query_id), old.id === young.id]).toEqual([[young.id], false]);
  });

  describe('as labels', () => {
    it('are random for what chance drew and a person reviewed, and chosen for everything else', async () => {
      const t = newTenant();
      const drawn = await record(t, { id: idThatIs(true), intent: 'get_refund' });
      const chosen = await record(t, { id: idThatIs(false), intent: 'get_refund' });
      await mesh.feedback.submitFeedback({ queryId: drawn.id, correctedIntent: 'track_refund', requestId: 'f-1' }, t.as);
      await mesh.feedback.submitFeedback({ queryId: drawn.id, correctedIntent: 'track_refund', requestId: 'f-1' }, t.as);
      await mesh.feedback.submitFeedback({ queryId: drawn.id, satisfaction: 5 }, t.as);
      await resolve(t, drawn.id);
      await resolve(t, chosen.id, { outcome: ReviewOutcome.REJECTED, label: 'cancel_order' });
      const space = { label_space: 'support' };
      expect(await labelsOf(t)).toEqual([
        { ...space, query_id: drawn.id, label: 'track_refund', source: 'feedback', drawn: 'chosen', labelled_by: 'replymesh' },
        { ...space, query_id: drawn.id, label: 'get_refund', source: 'review', drawn: 'random', labelled_by: 'ada' },
        { ...space, query_id: chosen.id, label: 'cancel_order', source: 'review', drawn: 'chosen', labelled_by: 'ada' },
      ]);
    });

    it('are those of the space or out_of_scope; another is refused with those there are', async () => {
      const t = newTenant();
      const few = await record(t);
      const many = await record(t, { labelSpace: 'many', intent: 'label_7' });
      const gone = await record(t, { labelSpace: 'no-longer-served' });
      const refusal = (id: string) => resolve(t, id, { label: 'refnud' }).catch((error: RichClientError) => error.details);
      expect(await refusal(few.id)).toBe(
        'Label "refnud" is not in the space "support". Use one of cancel_order, get_refund, track_refund, out_of_scope.',
      );
      expect(await refusal(many.id)).toContain(`one of its ${MANY_LABELS.length} labels, for example label_7, or out_of_scope`);
      expect(await reasonOf(resolve(t, many.id, { label: 'refnud' }))).toBe('LABEL_UNKNOWN');
      expect(await reasonOf(resolve(t, gone.id, { label: 'refnud' }))).toBe('LABEL_SPACE_UNKNOWN');
      expect(await labelsOf(t)).toEqual([]);
      expect((await resolve(t, few.id, { label: 'out_of_scope' })).label).toBe('out_of_scope');
      expect((await resolve(t, many.id, { label: MANY_LABELS[0]! })).label).toBe(MANY_LABELS[0]);
    });

    it('of a message that no model has read are of the default space', async () => {
      const t = newTenant();
      const whole = aQuery({ id: idThatIs(false), labelSpace: '', action: Action.ESCALATE });
      const query: Query = { ...whole, decision: Decision.fromPartial({ id: whole.id, action: Action.ESCALATE }) };
      await mesh.context.recordDecision({ query }, t.as);
      await resolve(t, query.id, { outcome: ReviewOutcome.REJECTED, label: 'get_refund' });
      expect(await labelsOf(t)).toMatchObject([{ label_space: 'support', label: 'get_refund' }]);
    });
  });
});
