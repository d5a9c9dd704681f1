import { type SQL, sql } from 'drizzle-orm';

/** By these the audit log says that a customer was erased; it is the one place that remembers. */
export const ERASED = 'customer.erased';

/** When the customer of a column was erased last, milliseconds since 1970; null when never. What was accepted by then and comes later is to be forgotten too. */
export const erasedAt = (customer: SQL): SQL => sql`
  (select (extract(epoch from max(a.at)) * 1000)::float8 from audit_log a where a.subject = ${customer} and a.action = ${ERASED} and ${customer} <> '')`;
