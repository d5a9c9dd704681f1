import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { expect, it } from 'vitest';
import { ERASED_TABLES } from './erasureReceipt.js';
import { openPglite } from './pglite.js';
import { rowsOf } from './store.js';

it('the embedded database vacuums every table that an erasure takes rows from, when it is opened: nothing else does', async () => {
  const root = mkdtempSync(join(tmpdir(), 'replymesh-vacuum-'));
  const store = await openPglite(join(root, 'db'));
  const seen = await store.owner((tx) =>
    rowsOf<{ name: string }>(tx, sql`select relname as name from pg_class where relkind in ('r', 'p') and reltuples >= 0`),
  );
  expect(seen.map(({ name }) => name)).toEqual(expect.arrayContaining([...ERASED_TABLES]));
  await store.close();
  rmSync(root, { recursive: true });
});
