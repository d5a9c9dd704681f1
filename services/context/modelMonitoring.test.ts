import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { monitoringPoints, windowOf } from './modelMonitoring.js';
import type { OutboxEvent } from './relaySink.js';

const WINDOW_MS = 60_000;
const event = (atMs: number, payload: object, type = 'QueryProcessed'): OutboxEvent => ({
  transactionId: '1',
  position: 1,
  tenant: 't',
  id: `${type}/${atMs}`,
  type,
  subject: 's',
  payload: { ...payload },
  createdAt: new Date(atMs),
});
const DIGESTS = ['a'.repeat(64), 'b'.repeat(64)];
const anEvent = fc
  .record({
    atMs: fc.integer({ min: 0, max: 10 * WINDOW_MS }),
    digest: fc.constantFrom(...DIGESTS, ''),
    confidence: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ atMs, digest, confidence }) => event(atMs, { model_version: digest, confidence, action: 'AUTO' }));

describe('the curves of a bundle', () => {
  it('tell of each message once, in whatever windows and order they come', () => {
    fc.assert(
      fc.property(fc.array(anEvent), (events) => {
        const told: Record<string, number> = {};
        for (let left = events; left.length > 0; ) {
          const { count, endMs } = windowOf(left, WINDOW_MS);
          expect(count).toBeGreaterThan(0);
          const { points, refused } = monitoringPoints(left.slice(0, count), WINDOW_MS);
          expect(refused).toEqual([]);
          for (const { bundleDigest, step, metrics } of points) {
            expect(step).toBe(endMs / WINDOW_MS - 1);
            told[bundleDigest] = (told[bundleDigest] ?? 0) + (metrics['queries'] ?? 0);
          }
          left = left.slice(count);
        }
        const expected = DIGESTS.map((digest) => events.filter(({ payload }) => payload['model_version'] === digest).length);
        expect(DIGESTS.map((digest) => told[digest] ?? 0)).toEqual(expected);
      }),
    );
  });

  it('are means of what is known, and say nothing of what is not', () => {
    const [model_version] = DIGESTS;
    const query = { model_version, confidence: 0.5, action: 'ESCALATE', uncertainty_score: null, out_of_scope: true, response_time_ms: 20 };
    const said = { model_version, satisfaction: 4, resolved: null, corrected_intent: 'other' };
    const { points } = monitoringPoints(
      [
        event(61_000, query),
        event(62_000, { ...query, confidence: 1, action: 'AUTO', uncertainty_score: 0.25 }, 'QueryProcessed'),
        event(63_000, said, 'FeedbackReceived'),
        event(63_000, { model_version, agreed: true, drawn: 'chosen' }, 'ReviewResolved'),
        event(63_000, { model_version, agreed: null, drawn: 'random' }, 'ReviewResolved'),
        event(63_000, { model_version, agreed: false, drawn: 'random' }, 'ReviewResolved'),
      ],
      WINDOW_MS,
    );
    expect(points).toEqual([
      {
        bundleDigest: model_version,
        step: 1,
        timestamp: 63_000,
        metrics: {
          queries: 2,
          confidence_mean: 0.75,
          uncertainty_mean: 0.25,
          out_of_scope_share: 1,
          automation_share: 0.5,
          escalation_share: 0.5,
          response_time_ms_mean: 20,
          feedback: 1,
          satisfaction_mean: 4,
          corrected_share: 1,
          reviews: 3,
          review_agreement: 0.5,
          sampled_accuracy: 0,
        },
      },
    ]);
  });

  it('refuse an event whose numbers are none, and one whose bundle is none', () => {
    const bad = [event(1, { model_version: DIGESTS[0], confidence: 'high' }), event(2, { model_version: "x' or 'y", confidence: 1 })];
    const { points, refused } = monitoringPoints(bad, WINDOW_MS);
    expect([points, refused.map((r) => r.event)]).toEqual([[], bad]);
  });
});
