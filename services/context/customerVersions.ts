import { sql } from 'drizzle-orm';
import { rowsOf, type Transaction } from './store.js';

/**
 * The version of a customer's lines after a change at this time: microseconds since 1970, so that one that was erased, or belongs to a database that was
 * restored from a backup, never comes again; one more than before where a clock stands still or goes back.
 */
export const versionAfter = (before: number | null, now: Date): number => Math.max((before ?? 0) + 1, now.getTime() * 1000);

/** Notes that a customer's lines have changed. The caller has the tenant's turn, so that nobody else does meanwhile. */
export async function changeVersion(
  tx: Transaction,
  tenant: string,
  customerId: string,
  now: Date,
): Promise<{ readonly from: number | null; readonly to: number }> {
  const [held] = await rowsOf<{ version: number }>(
    tx,
    sql`select version::float8 as version from customer_versions where customer_id = ${customerId}`,
  );
  const from = held?.version ?? null;
  const to = versionAfter(from, now);
  await tx.execute(sql`
    insert into customer_versions (tenant, customer_id, version) values (${tenant}, ${customerId}, ${to})
    on conflict (tenant, customer_id) do update set version = excluded.version`);
  return { from, to };
}
