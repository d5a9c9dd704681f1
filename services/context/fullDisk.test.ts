import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { canMount, smallDisk } from '../../lib/fullDisk.fixture.js';
import { aQuery, newTenant, openTestStore, reasonOf, startContext, storeKinds } from './context.fixture.js';
import { openPglite } from './pglite.js';
import { rowsOf, type Store } from './store.js';

/** Too long to be put into room that is there already. */
const LONG = 'x1 '.repeat(5000);
const long = () => aQuery({ customerId: 'c-1', text: LONG });
type As = ReturnType<typeof newTenant>['as'];
const storedIds = (store: Store, as: As) =>
  store
    .within(as.within, (tx) => rowsOf<{ id: string }>(tx, sql`select id from queries order by id`))
    .then((rows) => rows.map((row) => row.id));

describe.runIf(await canMount())('the embedded database on a disk that is full', () => {
  it('refuses with what may be tried again, keeps all that it acknowledged, and goes on once there is room', async () => {
    const disk = smallDisk(160)!;
    const folder = join(disk.folder, 'context');
    let store = await openPglite(folder);
    let mesh = await startContext(store);
    const { as } = newTenant();
    const acknowledged: string[] = [];
    const record = async () => {
      const query = long();
      const reason = await reasonOf(mesh.context.recordDecision({ query, fingerprint: '' }, as));
      if (reason === 'it succeeded') acknowledged.push(query.id);
      return reason;
    };
    try {
      expect(await record()).toBe('it succeeded');
      disk.fill();
      let reason = 'it succeeded' as string | undefined;
      while (reason === 'it succeeded') reason = await record();
      expect(reason).toBe('STORE_UNREACHABLE');
      // What is stored can be read all the same.
      expect((await mesh.context.getQuery({ id: acknowledged[0]! }, as)).query?.text).toBe(LONG);
      disk.empty();
      expect(await record()).toBe('it succeeded');
      expect(await storedIds(store, as)).toEqual([...acknowledged].sort());
      await mesh.close();
      await store.close();
      store = await openPglite(folder);
      mesh = await startContext(store);
      expect(await storedIds(store, as)).toEqual([...acknowledged].sort());
      expect(await mesh.audit.verifyAuditLog({}, as)).toMatchObject({ recordCount: acknowledged.length, fault: undefined });
    } finally {
      await mesh.close();
      await store.close();
      await disk.close();
    }
  });
});

describe.each(storeKinds)('a %s that says that its disk is full', (kind) => {
  it('makes the answer one that may be tried again, stores nothing of it, and takes it afterwards', async () => {
    const store = await openTestStore(kind);
    const mesh = await startContext(store);
    const { as } = newTenant();
    const query = aQuery({ customerId: 'c-1' });
    const record = () => reasonOf(mesh.context.recordDecision({ query, fingerprint: '' }, as));
    try {
      await store.owner((tx) =>
        tx.execute(
          sql.raw(`create function no_room() returns trigger language plpgsql as $$ begin raise exception using errcode = '53100'; end $$;
                   create trigger no_room before insert on outbox execute function no_room()`),
        ),
      );
      expect(await record()).toBe('STORE_UNREACHABLE');
      expect(await storedIds(store, as)).toEqual([]);
      await store.owner((tx) => tx.execute(sql`drop trigger no_room on outbox`));
      expect(await record()).toBe('it succeeded');
      expect(await storedIds(store, as)).toEqual([query.id]);
    } finally {
      await mesh.close();
      await store.close();
    }
  });
});
