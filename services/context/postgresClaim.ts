import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import type { Claim } from './store.js';

/** Any number that is this product's alone: the first half of the keys of its claims. */
const CLAIMS = 726_941;
/** A silent server would keep the one who asks waiting for ever, milliseconds. */
const QUERY_TIMEOUT_MS = 5000;
const END_TIMEOUT_MS = 1000;

/** A session advisory lock on a connection of its own: the server lets it go the moment that the connection or its process ends, and no transaction stays open meanwhile. */
export async function claim(connection: pg.ClientConfig, name: string): Promise<Claim | undefined> {
  const client = new pg.Client({ ...connection, query_timeout: QUERY_TIMEOUT_MS });
  const lost = new AbortController();
  client.on('error', () => lost.abort());
  client.on('end', () => lost.abort());
  const end = (): Promise<void> => Promise.race([client.end().catch(() => {}), wait(END_TIMEOUT_MS)]);
  let held = false;
  try {
    await client.connect();
    const { rows } = await client.query<{ held: boolean }>('select pg_try_advisory_lock($1, hashtext($2)) as held', [CLAIMS, name]);
    held = rows[0]?.held ?? false;
    return held ? { lost: lost.signal, release: end } : undefined;
  } finally {
    if (!held) await end();
  }
}
