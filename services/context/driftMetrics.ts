import { sql } from 'drizzle-orm';
import { Gauge } from 'prom-client';
import { registry } from '../../lib/metrics.js';
import { rowsOf, type Store } from './store.js';

const driftScore = new Gauge({
  name: 'model_drift_score',
  help: 'Last drift score of each model (bundle/label space), the highest of all tenants: above 1 the traffic has drifted. Told by the one instance that counts.',
  labelNames: ['model'],
  registers: [registry],
});
/** An older report says nothing of today. */
const MOST_AGE_DAYS = 8;

/** It is another instance's to tell now. */
export const forgetDriftScores = (): void => driftScore.reset();

/** Reads the last report of each tenant and space, and tells the highest score of each space. */
export async function tellDriftScores(store: Store, now: Date): Promise<void> {
  const from = new Date(now.getTime() - MOST_AGE_DAYS * 86_400_000).toISOString();
  const rows = await store.background((tx) =>
    rowsOf<{ model: string; score: number }>(
      tx,
      sql`
        select model_name || '/' || label_space as model, max(score) as score from (
          select distinct on (tenant, label_space) model_name, label_space, score from drift_reports
          where created_at >= ${from}::timestamptz order by tenant, label_space, created_at desc
        ) latest group by 1`,
    ),
  );
  driftScore.reset();
  for (const { model, score } of rows) driftScore.set({ model }, score);
}
