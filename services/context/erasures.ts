import { type SQL, sql } from 'drizzle-orm';
import { fail } from '../errors.js';
import { rowsOf, type Transaction } from './store.js';

/** By these the audit log says that a customer was erased; it is the one place that remembers. */
export const ERASED = 'customer.erased';

/** When the customer of a column was erased last, milliseconds since 1970; null when never. What was accepted by then and comes later is to be forgotten too. */
export const erasedAt = (customer: SQL): SQL => sql`
  (select (extract(epoch from max(a.at)) * 1000)::float8 from audit_log a where a.subject = ${customer} and a.action = ${ERASED} and ${customer} <> '')`;

/** So that nobody is brought back by what was on its way. The transaction has the tenant's turn. @throws Fault CUSTOMER_ERASED when they were erased since */
export async function requireNotErasedSince(tx: Transaction, customerId: string, time: Date): Promise<void> {
  const [row] = await rowsOf<{ at: number | null }>(tx, sql`select ${erasedAt(sql`${customerId}::text`)} as at`);
  if (row?.at != null && time.getTime() <= row.at) fail('CUSTOMER_ERASED', { id: customerId, at: new Date(row.at).toISOString() });
}
