// A process that dies in the middle of a migration, as by kill -9: at the first statement that holds the given words.
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { drizzle as drizzlePostgres } from 'drizzle-orm/node-postgres';
import { migrate as migratePostgres } from 'drizzle-orm/node-postgres/migrator';
import { drizzle as drizzlePglite } from 'drizzle-orm/pglite';
import { migrate as migratePglite } from 'drizzle-orm/pglite/migrator';
import pg from 'pg';

const [address, migrationsFolder, words] = process.argv.slice(2);
const logger = {
  logQuery: (query) => {
    if (query.includes(words)) process.kill(process.pid, 'SIGKILL');
  },
};
if (address.startsWith('postgres')) {
  const client = new pg.Client(address);
  await client.connect();
  await migratePostgres(drizzlePostgres(client, { logger }), { migrationsFolder });
} else {
  const db = await PGlite.create({ dataDir: address, extensions: { vector } });
  await migratePglite(drizzlePglite(db, { logger }), { migrationsFolder });
}
