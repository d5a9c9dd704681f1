import { drizzle } from 'drizzle-orm/node-postgres';
import type pg from 'pg';
import type { Transaction } from './store.js';
import { isUnreachable, withoutValues } from './storeFault.js';

/** Runs `work` in a transaction on a connection of the pool. @param settings statements that say who it is and what it may */
export async function transact<T>(
  pool: pg.Pool,
  settings: string,
  signal: AbortSignal | undefined,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  let client: pg.PoolClient | undefined;
  // Without its own listener a checked-out connection's error would end the process; the running statement fails with it anyway.
  const lost = (): void => {};
  let broken = false;
  try {
    client = await pool.connect();
    client.on('error', lost);
    signal?.throwIfAborted();
    await client.query(`BEGIN; ${settings}`);
    const result = await work(drizzle(client) as unknown as Transaction);
    const { command } = await client.query('COMMIT');
    if (command !== 'COMMIT') throw new Error(`The transaction ended with ${command}.`);
    return result;
  } catch (error) {
    broken = isUnreachable(error) || !(await rolledBack(client));
    throw withoutValues(error);
  } finally {
    client?.off('error', lost);
    client?.release(broken);
  }
}

async function rolledBack(client: pg.PoolClient | undefined): Promise<boolean> {
  try {
    await client?.query('ROLLBACK');
    return true;
  } catch {
    return false;
  }
}
