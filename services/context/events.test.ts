import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ModelChangeKind } from '../../gen/replymesh/inference/v1/inference_service.js';
import { Action, Decision } from '../../gen/replymesh/type/v1/decision.js';
import { ReviewOutcome } from '../../gen/replymesh/v1/review_service.js';
import { aQuery, newTenant, openTestStore, startContext } from './context.fixture.js';
import { DIGEST, MANIFEST } from './drift.fixture.js';
import { type EventType, events } from './events.js';
import { writeModelChanges } from './modelChanges.js';
import { rowsOf, type Store } from './store.js';

const FORMS: Readonly<Record<string, (value: unknown) => boolean>> = {
  text: (value) => typeof value === 'string',
  'time, RFC 3339': (value) => new Date(String(value)).toISOString() === value,
  number: Number.isFinite,
  'number or null': (value) => value === null || Number.isFinite(value),
  'boolean or null': (value) => value === null || typeof value === 'boolean',
  'object of texts, or null': (value) => value === null || Object.values(value as object).every((v) => typeof v === 'string'),
};

describe('what is announced', () => {
  let store: Store;
  let mesh: Awaited<ReturnType<typeof startContext>>;
  beforeAll(async () => {
    store = await openTestStore('PGlite');
    mesh = await startContext(store);
  });
  afterAll(async () => {
    await mesh.close();
    await store.close();
  });
  const announced = async ({ tenant }: ReturnType<typeof newTenant>) =>
    store.background((tx) =>
      rowsOf<{ event_id: string; type: EventType; subject: string; payload: Record<string, unknown> }>(
        tx,
        sql`select event_id, type, subject, payload from outbox where tenant = ${tenant} order by position`,
      ),
    );

  it('has exactly the fields that the reference tells, in the form that it tells, and no word of the customer', async () => {
    const t = newTenant();
    const whole = aQuery({ customerId: 'c-1', text: 'my secret', requestId: 'r-1', sessionId: 'a secret session' });
    const decision = Decision.fromPartial({
      ...whole.decision,
      uncertainty: { predictiveEntropy: 0.5 },
      evidence: { memberVotes: [{ member: 'minilm', intents: [{ label: 'get_refund', score: 0.9 }] }] },
      outOfScope: { score: 0.1, isOutOfScope: false },
      reply: { text: 'Dear secret' },
      timings: { totalUs: 12_500 },
    });
    const escalated = aQuery({ action: Action.ESCALATE, text: 'another secret' });
    await mesh.context.recordDecision({ query: { ...whole, decision }, fingerprint: 'f'.repeat(64) }, t.as);
    await mesh.context.recordDecision({ query: escalated }, t.as);
    const given = { queryId: whole.id, satisfaction: 2, resolved: false, correctedIntent: 'track_refund' };
    const { feedback } = await mesh.feedback.submitFeedback(given, t.as);
    await mesh.feedback.submitFeedback({ queryId: escalated.id, resolved: true, correctedIntent: 'my secret is that I am late' }, t.as);
    await mesh.reviews.resolveReview({ queryId: whole.id, outcome: ReviewOutcome.EDITED, editedReply: 'Dear secret' }, t.as);
    await mesh.reviews.resolveReview({ queryId: escalated.id, outcome: ReviewOutcome.APPROVED }, t.as);
    const alike = Array.from({ length: 60 }, () => aQuery());
    await Promise.all(alike.map((query) => mesh.context.recordDecision({ query }, t.as)));
    Object.assign(mesh.inference.state, { digest: DIGEST, manifest: MANIFEST });
    await mesh.monitoring.checkDrift({}, t.as);
    mesh.inference.state.changes = [
      {
        ...{
          id: 'chg_1',
          kind: ModelChangeKind.PROMOTED,
          digest: DIGEST,
          previousDigest: 'a'.repeat(64),
          tenant: t.tenant,
          actor: 'secret',
        },
        ...{ time: new Date(), name: 'ensemble', version: '1.0.0', figures: [] },
      },
    ];
    await writeModelChanges({ store, audit: mesh.audits, inference: mesh.inferenceClient }, new Set());

    const found = await announced(t);
    expect(found.slice(0, 3)).toMatchObject([
      {
        event_id: `QueryProcessed/${whole.id}`,
        type: 'QueryProcessed',
        subject: whole.id,
        payload: { query_id: whole.id, customer_id: 'c-1', intent: 'get_refund', confidence: 0.9, action: 'DRAFT', response_time_ms: 12.5 },
      },
      { event_id: `QueryEscalated/${escalated.id}`, type: 'QueryEscalated', payload: { action: 'ESCALATE', uncertainty_score: null } },
      {
        event_id: `FeedbackReceived/${feedback?.id}`,
        type: 'FeedbackReceived',
        subject: whole.id,
        payload: { customer_id: 'c-1', intent: 'get_refund', satisfaction: 2, resolved: false, corrected_intent: 'track_refund' },
      },
    ]);
    expect(found.filter(({ type }) => type === 'FeedbackReceived').map(({ payload }) => payload['corrected_intent'])).toEqual([
      'track_refund',
      'other',
    ]);
    expect(JSON.stringify(found)).not.toContain('secret');
    expect(new Set(found.map(({ type }) => type))).toEqual(new Set(Object.keys(events)));
    for (const { type, payload } of found) {
      const { fields } = events[type];
      expect(Object.keys(payload).sort()).toEqual(Object.keys(fields).sort());
      for (const [name, { form }] of Object.entries(fields)) expect([name, FORMS[form]?.(payload[name])]).toEqual([name, true]);
    }
  });

  it('of feedback that is given twice is one event', async () => {
    const t = newTenant();
    const query = aQuery();
    await mesh.context.recordDecision({ query }, t.as);
    for (let i = 0; i < 2; i += 1) await mesh.feedback.submitFeedback({ queryId: query.id, satisfaction: 5, requestId: 'once' }, t.as);
    expect((await announced(t)).map(({ type }) => type)).toEqual(['QueryProcessed', 'FeedbackReceived']);
  });
});
