import { sql } from 'drizzle-orm';
import { log } from '../../lib/log.js';
import { EMBEDDING_DIMENSION } from './schema.js';
import { rowsOf, type Transaction } from './store.js';

/**
 * Makes `passages.embedding` a pgvector column with an HNSW index where the server has the extension; safe to repeat, so that installing it later is enough.
 * Not a migration, because those run once. Without pgvector the column stays `real[]`: the same answers, each passage compared in turn.
 * @returns whether the column is pgvector's
 */
export async function ensureVectorColumn(db: Transaction): Promise<boolean> {
  if (!(await hasExtension(db))) {
    log.warn(
      'this Postgres lacks the extension pgvector: knowledge search compares every passage. Install it and start again for an index.',
    );
    return false;
  }
  const [column] = await rowsOf<{ type: string }>(
    db,
    sql`select format_type(atttypid, atttypmod) as type from pg_attribute where attrelid = 'passages'::regclass and attname = 'embedding'`,
  );
  if (column?.type === 'real[]') {
    const dimension = sql.raw(String(EMBEDDING_DIMENSION));
    await db.execute(sql`
      alter table passages
        alter column embedding type vector(${dimension})
          using case when cardinality(embedding) = ${dimension} then embedding::vector(${dimension}) end,
        -- Kept in the row: a search that reads many would else fetch each from the side.
        alter column embedding set storage plain`);
    await db.execute(sql`create index if not exists passages_embedding on passages using hnsw (embedding vector_cosine_ops)`);
  }
  return true;
}

async function hasExtension(db: Transaction): Promise<boolean> {
  const [found] = await rowsOf<{ available: boolean; installed: boolean }>(
    db,
    sql`select exists (select from pg_available_extensions where name = 'vector') as available,
               exists (select from pg_extension where extname = 'vector') as installed`,
  );
  if (found?.installed) return true;
  if (!found?.available) return false;
  try {
    await db.execute(sql`create extension if not exists vector`);
    return true;
  } catch (error) {
    log.warn({ error }, 'this database user may not create the extension pgvector: let a superuser run "create extension vector"');
    return false;
  }
}
