import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ModelChange, ModelChangeKind } from '../../gen/replymesh/inference/v1/inference_service.js';
import { newTenant, openTestStore, startContext, storeKinds, until } from './context.fixture.js';
import { startModelChanges, writeModelChanges } from './modelChanges.js';
import { rowsOf, type Store } from './store.js';

const [OLD, NEW] = ['1'.repeat(64), '2'.repeat(64)];

describe.each(storeKinds)('changes of the models on %s', (kind) => {
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
  const parts = () => ({ store, audit: mesh.audits, inference: mesh.inferenceClient });
  const change = (tenant: string, more: Partial<ModelChange> = {}): ModelChange => ({
    id: `chg_${randomUUID()}`,
    kind: ModelChangeKind.PROMOTED,
    digest: NEW,
    previousDigest: OLD,
    tenant,
    actor: 'an operator',
    time: new Date('2026-11-24T11:59:00Z'),
    name: 'ensemble',
    version: '3.0.0',
    figures: [{ labelSpace: 'support', name: 'test.accuracy', value: 0.98 }],
    ...more,
  });
  const eventsOf = (tenant: string) =>
    store.background((tx) =>
      rowsOf<{ event_id: string; payload: object }>(
        tx,
        sql`select event_id, payload from outbox where tenant = ${tenant} order by position`,
      ),
    );

  it('are logged, announced and kept with their figures, once, however often they are listed', async () => {
    const t = newTenant();
    const [promotion, back] = [
      change(t.tenant),
      change(t.tenant, { kind: ModelChangeKind.ROLLED_BACK, digest: OLD, previousDigest: NEW, version: '2.0.0', figures: [] }),
    ];
    mesh.inference.state.changes = [promotion];
    await writeModelChanges(parts(), new Set());
    mesh.inference.state.changes = [promotion, back];
    // As after a restart: nothing is remembered but what is stored.
    for (let i = 0; i < 2; i += 1) await writeModelChanges(parts(), new Set());
    expect(await eventsOf(t.tenant)).toMatchObject([
      {
        event_id: `ModelPromoted/${promotion.id}`,
        payload: { kind: 'PROMOTED', bundle_digest: NEW, previous_digest: OLD, bundle_version: '3.0.0' },
      },
      { event_id: `ModelPromoted/${back.id}`, payload: { kind: 'ROLLED_BACK', bundle_digest: OLD, previous_digest: NEW } },
    ]);
    const { records } = await mesh.audit.listAuditRecords({}, t.as);
    expect(records.map(({ action, actor, subject }) => [action, actor, subject])).toEqual([
      ['model.rolled_back', 'an operator', OLD],
      ['model.promoted', 'an operator', NEW],
    ]);
    expect((await mesh.audit.verifyAuditLog({}, t.as)).fault).toBeUndefined();
    const figures = await store.within(t.as.within, (tx) =>
      rowsOf(tx, sql`select model_name, model_version, metric_name, metric_value from model_performance`),
    );
    expect(figures).toEqual([{ model_name: 'ensemble/support', model_version: NEW, metric_name: 'test.accuracy', metric_value: 0.98 }]);
  });

  it('of which two instances hear are written down once', async () => {
    const t = newTenant();
    mesh.inference.state.changes = [change(t.tenant)];
    await Promise.all([writeModelChanges(parts(), new Set()), writeModelChanges(parts(), new Set())]);
    expect(await eventsOf(t.tenant)).toHaveLength(1);
  });

  it('are followed by themselves', async () => {
    const t = newTenant();
    mesh.inference.state.changes = [];
    const following = startModelChanges(parts());
    mesh.inference.state.changes = [change(t.tenant)];
    await until(async () => (await eventsOf(t.tenant)).length === 1);
    await following.close();
  });
});
