// A process that a test kills: writes rows one by one and prints the id of each as soon as it is acknowledged.
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';

const [folder, round] = process.argv.slice(2);
const db = await PGlite.create({ dataDir: folder, extensions: { vector } });
for (let i = 0; ; i += 1) {
  const id = `${round}-${i}`;
  await db.transaction(async (tx) => {
    await tx.exec("SET LOCAL ROLE replymesh_app; SET LOCAL replymesh.tenant = 'kill'");
    await tx.query("insert into customer_history values ('kill', $1, 'c', 'CALL', '', 'OPEN', null, now())", [id]);
  });
  process.stdout.write(`${id}\n`);
}
