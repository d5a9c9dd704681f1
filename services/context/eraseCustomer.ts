import { type SQL, sql } from 'drizzle-orm';
import type { CustomerServiceDefinition } from '../../gen/replymesh/v1/customer_service.js';
import type { Handler } from '../../lib/server.js';
import type { AuditLog } from './auditLog.js';
import type { Cache } from './cache.js';
import type { ContentKeys } from './contentKeys.js';
import { contextKey } from './contextKey.js';
import { ERASED_TABLES, type Erased, receiptOf } from './erasureReceipt.js';
import { ERASED } from './erasures.js';
import type { FeatureStore } from './featureStore.js';
import { millis, rowsOf, type Store, type Transaction } from './store.js';

interface Parts {
  readonly store: Store;
  readonly cache: Cache;
  readonly features: FeatureStore;
  readonly keys: ContentKeys;
  readonly audit: AuditLog;
  readonly now: () => Date;
}

type Rows = Omit<Erased, 'cache' | 'features'>;
interface Erasure {
  readonly at: Date;
  readonly rows: Rows;
}

export const eraseCustomer =
  ({ store, cache, features, keys, audit, now }: Parts): Handler<CustomerServiceDefinition, 'eraseCustomer'> =>
  async ({ customerId, requestId }, call) => {
    const { tenant, subject: actor } = call.principal;
    const { at, rows } = await store.alone(call, async (tx): Promise<Erasure> => {
      const log = await audit.open(tx, tenant);
      const before = requestId === '' ? undefined : await readErasure(tx, customerId, requestId);
      if (before) return before;
      const erasure = { at: now(), rows: await removeRows(tx, customerId) };
      const counts = Object.entries(erasure.rows).map(([table, count]) => [table, String(count)]);
      const detail = { ...Object.fromEntries(counts), request_id: requestId };
      await log.append([{ at: erasure.at, actor, action: ERASED, subject: customerId, detail }]);
      return erasure;
    });
    // After the commit: whoever reads meanwhile would put it back. Who has read before still may, and then it is not believed.
    keys.forget(tenant, customerId);
    const forgotten = await features.forget(tenant, customerId);
    const name = contextKey(tenant, customerId);
    const cached = (await cache.get(name)) === undefined ? 0 : 1;
    await cache.forget([name]);
    return { customerId, eraseTime: at, stores: receiptOf({ ...rows, cache: cached, features: forgotten }) };
  };

/** The erasure that this request has done before, as the audit log has it. */
async function readErasure(tx: Transaction, customerId: string, requestId: string): Promise<Erasure | undefined> {
  const [done] = await rowsOf<{ at: number; detail: Record<string, string> }>(
    tx,
    sql`
      select ${millis('at')} as at, detail from audit_log
      where subject = ${customerId} and action = ${ERASED} and detail->>'request_id' = ${requestId} order by position limit 1`,
  );
  return (
    done && {
      at: new Date(done.at),
      // An older version knew fewer tables.
      rows: rowsFrom((table) => Number(done.detail[table] ?? 0)),
    }
  );
}

const rowsFrom = (count: (table: (typeof ERASED_TABLES)[number]) => number): Rows =>
  Object.fromEntries(ERASED_TABLES.map((table) => [table, count(table)])) as unknown as Rows;

/** One statement. The audit log is locked, so that nobody writes about this customer at the same time. */
async function removeRows(tx: Transaction, customerId: string): Promise<Rows> {
  const ofThem = sql`query_id in (select id from gone_queries)`;
  const where: Readonly<Record<Exclude<keyof Rows, 'outbox' | 'request_reservations'>, SQL>> = {
    queries: sql`customer_id = ${customerId} returning id, request_id`,
    customer_keys: sql`customer_id = ${customerId} returning 1`,
    customers: sql`id = ${customerId} returning 1`,
    customer_history: sql`customer_id = ${customerId} returning 1`,
    customer_versions: sql`customer_id = ${customerId} returning 1`,
    feedback: sql`${ofThem} returning id`,
    labels: sql`${ofThem} returning 1`,
    reviews: sql`${ofThem} returning 1`,
    shadow_predictions: sql`${ofThem} returning 1`,
  };
  const deletions = Object.entries(where).map(
    ([table, condition]) => sql`${sql.identifier(`gone_${table}`)} as (delete from ${sql.identifier(table)} where ${condition})`,
  );
  const counts = ERASED_TABLES.map(
    (table) => sql`(select count(*)::int from ${sql.identifier(`gone_${table}`)}) as ${sql.identifier(table)}`,
  );
  const [rows] = await rowsOf<Rows>(
    tx,
    sql`
      with ${sql.join(deletions, sql`, `)}, gone_request_reservations as (
        delete from request_reservations r using gone_queries q where r.request_id = q.request_id and r.query_id = q.id returning 1
      ), gone_outbox as (
        -- A version before let any words into a corrected intent.
        update outbox set payload = payload || '{"customer_id": ""}' || case when payload ? 'corrected_intent' then '{"corrected_intent": ""}' else '{}' end::jsonb
        where event_id = any(array(
          select type || '/' || id from gone_queries, unnest(array['QueryProcessed', 'QueryEscalated', 'ReviewResolved']) as type
          union all select 'FeedbackReceived/' || id from gone_feedback)) returning 1
      )
      select ${sql.join(counts, sql`, `)}`,
  );
  return rows as Rows;
}
