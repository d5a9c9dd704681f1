import { sql } from 'drizzle-orm';
import { rowsOf, type Transaction } from './store.js';

/** By these the audit log says that a customer was erased; it is the one place that remembers. */
export const ERASED = 'customer.erased';

/** What is to be stored of a customer. */
interface Late {
  readonly id: string;
  readonly customer_id: string;
  /** When it was accepted. */
  readonly created_at: string;
}

/** Ids of those that were accepted before their customer was erased: they waited somewhere meanwhile, and are to be forgotten too. */
export async function acceptedBeforeErasure(tx: Transaction, rows: readonly Late[]): Promise<ReadonlySet<string>> {
  const input = JSON.stringify(rows.map(({ id, customer_id, created_at }) => ({ id, customer_id, created_at })));
  const late = await rowsOf<{ id: string }>(
    tx,
    sql`
      select i.id from jsonb_to_recordset(${input}::jsonb) as i(id text, customer_id text, created_at timestamptz)
      where i.customer_id <> '' and exists (
        select from audit_log a where a.subject = i.customer_id and a.action = ${ERASED} and a.at >= i.created_at)`,
  );
  return new Set(late.map((row) => row.id));
}
