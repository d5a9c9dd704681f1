import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { StartError } from '../../lib/errors.js';
import { log } from '../../lib/log.js';
import { packageRoot } from '../../lib/packageRoot.js';
import { rowsOf, type Transaction } from './store.js';
import { ensureVectorColumn } from './vectorColumn.js';

const MIGRATIONS_FOLDER = fileURLToPath(new URL('services/context/migrations', packageRoot));
/** What drizzle notes of each migration that it has run, in that order. */
interface Applied {
  readonly hash: string;
}
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
 * All migrations that are missing run in one transaction: a start that is killed in the middle has done nothing.
 * @throws StartError when the database was made by a newer version, or by something else
 */
export async function migrate(db: Transaction, migrationsFolder = MIGRATIONS_FOLDER): Promise<boolean> {
  const migrations = readMigrationFiles({ migrationsFolder });
  await db.execute(sql`select pg_advisory_lock(${LOCK})`);
  try {
    const applied = await readApplied(db);
    const refusal = whyRefused(applied, migrations);
    if (refusal !== undefined) throw new StartError(refusal);
    if (applied.length > 0 && applied.length < migrations.length)
      log.info({ from: applied.length, to: migrations.length }, 'the database is of an older version: bringing it to this one');
    const { dialect, session } = db as unknown as Migrator;
    await dialect.migrate(migrations, session, { migrationsFolder });
    return await ensureVectorColumn(db);
  } finally {
    // A lost connection has let the lock go already.
    await db.execute(sql`select pg_advisory_unlock(${LOCK})`).catch(() => {});
  }
}

async function readApplied(db: Transaction): Promise<Applied[]> {
  const [table] = await rowsOf<{ there: boolean }>(db, sql`select to_regclass('drizzle.__drizzle_migrations') is not null as there`);
  return table?.there ? rowsOf<Applied>(db, sql`select hash from drizzle.__drizzle_migrations order by id`) : [];
}

/** A database of ours has run this version's migrations from the first on: none yet, some when it is older, more when it is newer. */
export function whyRefused(applied: readonly Applied[], known: readonly Applied[]): string | undefined {
  const unknown = applied.findIndex(({ hash }, i) => hash !== known[i]?.hash);
  if (unknown === -1) return undefined;
  if (unknown === 0)
    return 'The database belongs to another application: its first migration is none of Replymesh. Name a database of its own in DATABASE_URL.';
  if (unknown === known.length)
    return 'The database was migrated by a newer version of Replymesh than this one. Start that version, or restore a backup made before the upgrade.';
  return (
    `The database was migrated by another build of Replymesh: its migration ${unknown + 1} is none of this version's. ` +
    'Start the build that made it, or restore a backup made before.'
  );
}
