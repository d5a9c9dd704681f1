import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { StartError } from '../../lib/errors.js';
import { packageRoot } from '../../lib/packageRoot.js';
import { rowsOf, type Transaction } from './store.js';
import { ensureVectorColumn } from './vectorColumn.js';

const MIGRATIONS_FOLDER = fileURLToPath(new URL('services/context/migrations', packageRoot));
/** Any number that is this product's alone: the key of the session advisory lock. */
const LOCK = 7_269_411_027;

/** What drizzle's own `migrate` of every driver calls; its public form is typed for one driver each. */
interface Migrator {
  readonly dialect: { migrate(migrations: ReturnType<typeof readMigrationFiles>, session: unknown, config: object): Promise<void> };
  readonly session: unknown;
}

/**
 * Brings the database to this version's schema. drizzle takes no lock of its own, so that a session lock on this very connection is held throughout.
 * @param db one connection, not a pool
 * @returns whether embeddings are held in pgvector's type
 * @throws StartError when the database was made by a newer version
 */
export async function migrate(db: Transaction, migrationsFolder = MIGRATIONS_FOLDER): Promise<boolean> {
  const migrations = readMigrationFiles({ migrationsFolder });
  await db.execute(sql`select pg_advisory_lock(${LOCK})`);
  try {
    await refuseNewer(db, Math.max(...migrations.map((m) => m.folderMillis)));
    const { dialect, session } = db as unknown as Migrator;
    await dialect.migrate(migrations, session, { migrationsFolder });
    return await ensureVectorColumn(db);
  } finally {
    // A lost connection has let the lock go already.
    await db.execute(sql`select pg_advisory_unlock(${LOCK})`).catch(() => {});
  }
}

async function refuseNewer(db: Transaction, newestKnown: number): Promise<void> {
  const [table] = await rowsOf<{ there: boolean }>(db, sql`select to_regclass('drizzle.__drizzle_migrations') is not null as there`);
  if (!table?.there) return;
  const [applied] = await rowsOf<{ newest: string | number | null }>(
    db,
    sql`select max(created_at) as newest from drizzle.__drizzle_migrations`,
  );
  if (Number(applied?.newest ?? 0) <= newestKnown) return;
  throw new StartError(
    'The database was migrated by a newer version of Replymesh than this one. Start that version, or restore a backup made before the upgrade.',
  );
}
