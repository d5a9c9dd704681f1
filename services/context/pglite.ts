import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { drizzle } from 'drizzle-orm/pglite';
import pg from 'pg';
import { StartError } from '../../lib/errors.js';
import { lockFolder } from '../../lib/folderLock.js';
import { log } from '../../lib/log.js';
import { ERASED_TABLES } from './erasureReceipt.js';
import { migrate } from './migrate.js';
import { PgliteClient, PgliteConnection } from './pgliteConnection.js';
import { asBackground, asTenant, SESSION_SETTINGS, type Store, type Transaction } from './store.js';
import { transact } from './transact.js';

/** Opens the embedded database in `folder`, or in memory without one. Two processes on one folder lose data in silence, so that a lock file keeps the second out. @throws StartError */
export async function openPglite(folder?: string): Promise<Store> {
  if (folder !== undefined) mkdirSync(dirname(folder), { recursive: true, mode: 0o700 });
  const lock = folder === undefined ? undefined : lockFolder(`${folder}.lock`, process.pid);
  try {
    // For its owner alone; PGlite would let everybody read it.
    if (folder !== undefined) mkdirSync(folder, { recursive: true, mode: 0o700 });
    const db = await PGlite.create({ ...(folder === undefined ? {} : { dataDir: folder }), extensions: { vector } });
    await db.exec(
      Object.entries(SESSION_SETTINGS)
        .map(([name, value]) => `SET ${name} = '${value}'`)
        .join(';'),
    );
    const vectors = await migrate(drizzle(db) as unknown as Transaction);
    // Nothing else does: PGlite has no autovacuum.
    if (folder !== undefined)
      await db.exec(
        `VACUUM (ANALYZE) ${[...ERASED_TABLES, 'articles', 'passages', 'analytics_counts', 'analytics_histograms', 'analytics_votes'].join(', ')}`,
      );
    return storeOf(db, vectors, () => lock?.release());
  } catch (error) {
    lock?.release();
    if (error instanceof StartError || folder === undefined) throw error;
    log.error({ error, folder }, 'the embedded database does not open');
    throw new StartError(
      `The embedded database in ${folder} does not open: the folder is damaged, or another version made it. ` +
        'Move it away to start with an empty one, or restore a copy of it; set DATABASE_URL to use Postgres.',
    );
  }
}

/** No statement timeout: PGlite runs in this very thread, so that nothing could interrupt it. */
function storeOf(db: PGlite, vectors: boolean, release: () => void): Store {
  // PGlite is one connection: transactions take turns.
  const pool = new pg.Pool({
    max: 1,
    idleTimeoutMillis: 0,
    ssl: false,
    user: 'postgres',
    database: 'postgres',
    stream: () => new PgliteConnection(db),
    Client: PgliteClient,
  });
  // One process has the folder, so that it knows all of them.
  const claims = new Set<string>();
  return {
    vectors,
    within: (call, work) => transact(pool, asTenant(call.principal.tenant), call.signal, work),
    // It is one connection, so that everybody is.
    alone: (call, work) => transact(pool, asTenant(call.principal.tenant), call.signal, work),
    background: (work) => transact(pool, asBackground, undefined, work),
    owner: (work) => transact(pool, '', undefined, work),
    claim: async (name) => {
      if (claims.has(name)) return undefined;
      claims.add(name);
      return { lost: new AbortController().signal, release: async () => void claims.delete(name) };
    },
    close: async () => {
      await pool.end();
      await db.close();
      release();
    },
  };
}
