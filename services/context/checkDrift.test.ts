import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DriftMeasureKind, RetrainingVerdict } from '../../gen/replymesh/v1/model_monitoring_service.js';
import { registry } from '../../lib/metrics.js';
import { aQuery, newQueryId, newTenant, openTestStore, reasonOf, startContext, storeKinds } from './context.fixture.js';
import { DIGEST, LABELS, MANIFEST } from './drift.fixture.js';
import { tellDriftScores } from './driftMetrics.js';
import { rowsOf, type Store } from './store.js';

describe.each(storeKinds)('drift on %s', (kind) => {
  let store: Store;
  let mesh: Awaited<ReturnType<typeof startContext>>;
  beforeAll(async () => {
    store = await openTestStore(kind);
    mesh = await startContext(store);
    Object.assign(mesh.inference.state, { digest: DIGEST, manifest: MANIFEST });
  });
  afterAll(async () => {
    await mesh?.close();
    await store?.close();
  });

  type T = ReturnType<typeof newTenant>;
  /** Messages of so many minutes ago. */
  async function record(t: T, intents: readonly string[], minutesAgo = 10, more: Parameters<typeof aQuery>[0] = {}): Promise<string[]> {
    const createTime = new Date(mesh.clock.now.getTime() - minutesAgo * 60_000);
    const queries = intents.map((intent) => aQuery({ createTime, intent, ...more }));
    await Promise.all(queries.map((query) => mesh.context.recordDecision({ query }, t.as)));
    return queries.map(({ id }) => id);
  }
  const mixed = (count: number): string[] => Array.from({ length: count }, (_, i) => LABELS[i % 2]!);
  const events = (t: T) =>
    store.background((tx) =>
      rowsOf<{ event_id: string; payload: Record<string, unknown> }>(
        tx,
        sql`select event_id, payload from outbox where tenant = ${t.tenant} and type = 'DriftDetected'`,
      ),
    );

  it('is not found in messages like the reference, and the report is kept', async () => {
    const t = newTenant();
    await record(t, mixed(80));
    const { reports, unchecked } = await mesh.monitoring.checkDrift({}, t.as);
    expect(unchecked).toEqual([]);
    expect(reports).toMatchObject([
      { modelName: 'tiny', bundleDigest: DIGEST, labelSpace: 'support', rows: 80, drifted: false, retraining: RetrainingVerdict.NO_DRIFT },
    ]);
    expect(await events(t)).toEqual([]);
    const { report } = await mesh.monitoring.getDriftReport({ id: reports[0]!.id }, t.as);
    expect(report).toEqual(reports[0]);
  });

  it('is found in messages about one thing alone, said with its measure, announced and told as a metric', async () => {
    const t = newTenant();
    await record(t, new Array(80).fill('get_refund'));
    const { reports } = await mesh.monitoring.checkDrift({ labelSpace: 'support' }, t.as);
    const [report] = reports;
    expect(report).toMatchObject({ drifted: true, retraining: RetrainingVerdict.NOT_LASTING });
    expect(report!.score).toBeGreaterThan(1);
    expect(report!.measures[0]).toMatchObject({ kind: DriftMeasureKind.INTENT_DISTANCE, feature: '' });
    expect(report!.shifts[0]).toEqual({ label: 'get_refund', referenceShare: 0.5, windowShare: 1 });
    expect(await events(t)).toMatchObject([
      {
        event_id: `DriftDetected/${report!.id}`,
        payload: { report_id: report!.id, measure: 'INTENT_DISTANCE', retraining: 'NOT_LASTING', rows: 80 },
      },
    ]);
    await tellDriftScores(store, mesh.clock.now);
    expect(await registry.getSingleMetricAsString('model_drift_score')).toContain('model_drift_score{model="tiny/support"}');
    const { reports: drifted } = await mesh.monitoring.listDriftReports({ drifted: true, labelSpace: 'support' }, t.as);
    expect(drifted.map(({ id }) => id)).toEqual([report!.id]);
  });

  it('reads texts as numbers: longer messages drift, and no word is in the report', async () => {
    const t = newTenant();
    await record(t, mixed(60), 10, { text: 'Where is the refund that you promised me so long ago?' });
    const { reports } = await mesh.monitoring.checkDrift({}, t.as);
    expect(reports[0]!.measures[0]).toMatchObject({ kind: DriftMeasureKind.POPULATION_STABILITY, feature: 'words' });
    expect(JSON.stringify(reports)).not.toContain('promised');
  });

  it('counts messages of the window, the space and the bundle alone, and says where there are too few', async () => {
    const t = newTenant();
    await record(t, mixed(60), 25 * 60);
    await record(t, mixed(49));
    await record(t, mixed(5), 10, { labelSpace: 'unmeasured' });
    await Promise.all(
      mixed(3).map((intent) => {
        const id = newQueryId();
        const decision = { id, intents: [{ label: intent, score: 0.9 }], evidence: { bundleDigest: 'c'.repeat(64) } };
        return mesh.context.recordDecision({ query: aQuery({ id, decision: decision as never }) }, t.as);
      }),
    );
    expect(await mesh.monitoring.checkDrift({}, t.as)).toEqual({
      reports: [],
      unchecked: [
        { labelSpace: 'support', rows: 49, leastRows: 50 },
        { labelSpace: 'unmeasured', rows: 5, leastRows: 0 },
      ],
    });
    const { reports } = await mesh.monitoring.checkDrift({ window: { seconds: 2 * 86_400, nanos: 0 } }, t.as);
    expect(reports).toMatchObject([{ rows: 109 }]);
  });

  it('of many messages compares a part from the whole window', async () => {
    const t = newTenant();
    for (const [minutesAgo, intent] of [
      [600, 'get_refund'],
      [10, 'track_refund'],
    ] as const) {
      for (let i = 0; i < 5; i += 1) await record(t, new Array(220).fill(intent), minutesAgo + i);
    }
    const { reports } = await mesh.monitoring.checkDrift({}, t.as);
    expect(reports).toMatchObject([{ drifted: false }]);
    // All came in two of the hundred parts of the window.
    expect(reports[0]!.rows).toBe(400);
    expect(reports[0]!.shifts.map(({ windowShare }) => windowShare)).toEqual([0.5, 0.5]);
  });

  it('that lasts and has labels that would be learned from asks for another training, and then again when there are as many new ones', async () => {
    const t = newTenant();
    const check = async (minutesAgo: number) => {
      const now = mesh.clock.now;
      mesh.clock.now = new Date(now.getTime() - minutesAgo * 60_000);
      const ids = await record(t, new Array(60).fill('get_refund'), 5);
      const { reports } = await mesh.monitoring.checkDrift({ window: { seconds: 600, nanos: 0 } }, t.as);
      mesh.clock.now = now;
      return { ids, verdict: RetrainingVerdict[reports[0]!.retraining], labels: reports[0]!.labels };
    };
    const label = (ids: readonly string[], word = 'track_refund', drawn = 'chosen', at = mesh.clock.now) =>
      store.within(t.as.within, (tx) =>
        tx.execute(sql`
          insert into labels (tenant, id, query_id, label_space, label, source, drawn, labelled_by, created_at)
          select ${t.tenant}, ${`lbl_${word}_${drawn}_`} || value, value, 'support', ${word}, 'feedback', ${drawn}, 'somebody', ${at.toISOString()}
          from jsonb_array_elements_text(${JSON.stringify(ids)}::jsonb)`),
      );
    const { ids, verdict } = await check(60);
    expect(verdict).toBe('NOT_LASTING');
    // What "retrain" leaves out: labels of the fair sample, of no label of the space, older than the bundle, and of messages that are gone.
    await label(ids.slice(0, 9), 'track_refund', 'random');
    await label(ids.slice(0, 3));
    await label(ids.slice(10, 19), 'a_wish');
    await label(ids.slice(20, 29), 'get_refund', 'chosen', new Date('2026-10-31T00:00:00Z'));
    await label([newQueryId(), newQueryId(), newQueryId()]);
    expect(await check(45)).toMatchObject({ verdict: 'TOO_FEW_LABELS', labels: 0 });
    await label(ids.slice(30, 33));
    await label(ids.slice(30, 33), 'out_of_scope');
    expect(await check(30)).toMatchObject({ verdict: 'WANTED', labels: 3 });
    // A challenger was made of these: it is left alone until there are as many new ones.
    const createTime = new Date(mesh.clock.now.getTime() + 60_000);
    mesh.inference.state.bundles = [{ digest: 'c'.repeat(64), aliases: ['challenger'], createTime, spaces: [{ name: 'support' }] }];
    expect(await check(15)).toMatchObject({ verdict: 'TOO_FEW_LABELS', labels: 0 });
    await label(ids.slice(40, 43), 'get_refund', 'chosen', createTime);
    expect(await check(0)).toMatchObject({ verdict: 'WANTED', labels: 3 });
    mesh.inference.state.bundles = [];
  });

  it('reports are each tenant’s own, and pages of them hold each once', async () => {
    const [t, other] = [newTenant(), newTenant()];
    await record(t, mixed(60));
    for (let i = 0; i < 3; i += 1) await mesh.monitoring.checkDrift({}, t.as);
    const first = await mesh.monitoring.listDriftReports({ pageSize: 2 }, t.as);
    const second = await mesh.monitoring.listDriftReports({ pageSize: 2, pageToken: first.nextPageToken }, t.as);
    const ids = [...first.reports, ...second.reports].map(({ id }) => id);
    expect([new Set(ids).size, second.nextPageToken]).toEqual([3, '']);
    expect((await mesh.monitoring.listDriftReports({}, other.as)).reports).toEqual([]);
    expect(await reasonOf(mesh.monitoring.getDriftReport({ id: ids[0]! }, other.as))).toBe('DRIFT_REPORT_NOT_FOUND');
    expect(await reasonOf(mesh.monitoring.listDriftReports({ pageToken: first.nextPageToken }, other.as))).toBe('PAGE_TOKEN_INVALID');
    expect(await reasonOf(mesh.monitoring.checkDrift({ labelSpace: 'nowhere' }, t.as))).toBe('LABEL_SPACE_UNKNOWN');
  });
});
