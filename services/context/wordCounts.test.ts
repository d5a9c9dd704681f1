import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Audience } from '../../gen/replymesh/type/v1/knowledge.js';
import { newTenant, openTestStore, storeKinds } from './context.fixture.js';
import { type PassageSearch, searchPassages } from './passageSearch.js';
import { rowsOf, type Store, type Transaction } from './store.js';
import { countWords, NO_WORDS, startWordCounts, type WordCounts } from './wordCounts.js';
import { MOST_RANKED } from './wordQuery.js';

describe.each(storeKinds)('words of passages on %s', (kind) => {
  let store: Store;
  const mine = newTenant();
  const other = newTenant();
  const apart = newTenant();
  const many = newTenant();
  const MANY = 3000;
  beforeAll(async () => {
    store = await openTestStore(kind);
    await fill(mine, 200, (n) => (n % 10 === 0 ? 'Order and refund' : 'Order'));
    await fill(other, 200, () => 'Order');
    await fill(apart, 20, (n) => (n % 2 === 0 ? 'Invoice' : 'Parcel'));
    await fill(many, MANY, () => 'Voucher');
  });
  afterAll(() => store.close());

  const fill = ({ tenant, as }: ReturnType<typeof newTenant>, count: number, textOf: (n: number) => string) =>
    store.within(as.within, async (tx) => {
      const rows = JSON.stringify(Array.from({ length: count }, (_, n) => ({ id: `a-${n}`, text: textOf(n) })));
      await tx.execute(sql`
        insert into articles (tenant, id, title, body, language, audience, intents, version, created_at, updated_at)
        select ${tenant}, id, '', text, 'en', 'PUBLIC', '{}', 1, now(), now() from jsonb_to_recordset(${rows}::jsonb) as r(id text, text text)`);
      await tx.execute(sql`
        insert into passages (tenant, id, article_id, title, text, text_sha256, language, audience, intents)
        select ${tenant}, id || '#0', id, '', text, '', 'en', 'PUBLIC', '{}' from jsonb_to_recordset(${rows}::jsonb) as r(id text, text text)`);
    });
  const searchFor = (text: string, wordCounts: WordCounts, audience = Audience.PUBLIC): PassageSearch => ({
    text,
    embedding: [],
    encoderDigest: '',
    audience,
    limit: 3,
    intents: [],
    now: new Date(),
    wordCounts,
  });
  const search = (...asked: Parameters<typeof searchFor>) =>
    store.within(mine.as.within, (tx) => searchPassages(tx, store.vectors, searchFor(...asked)));

  it('are counted for each tenant that has many, the rare ones left out', async () => {
    const counts = await countWords(store, { few: 100 });
    expect(counts.get(mine.tenant)).toEqual({
      passages: 200,
      holding: new Map([
        ['order', 200],
        ['refund', 20],
      ]),
    });
    expect(counts.get(other.tenant)).toEqual({ passages: 200, holding: new Map([['order', 200]]) });
    expect([...(await countWords(store)).keys()]).toEqual([many.tenant]);
  });

  it('are estimated from a part of the passages where there are many', async () => {
    await store.owner((tx) => tx.execute(sql`analyze passages`));
    const part = await countWords(store, { few: 100, mostRead: 1000 });
    const { passages, holding } = part.get(many.tenant)!;
    expect(holding.get('voucher')).toBe(passages);
    // Whole pages are drawn, so that it is near and not exact, and the same each time.
    expect(passages).not.toBe(MANY);
    expect(Math.abs(passages - MANY)).toBeLessThan(MANY / 2);
    expect(part).toEqual(await countWords(store, { few: 100, mostRead: 1000 }));
  });

  it('are known from the start on, and where they cannot be counted searches go on', async () => {
    const away = await startWordCounts({ ...store, background: () => Promise.reject(new Error('away')) });
    expect(away.of(mine.tenant)).toBe(NO_WORDS);
    await away.close();
    const counted = await startWordCounts(store, 100);
    expect(counted.of(mine.tenant).holding.get('refund')).toBe(20);
    expect(counted.of(newTenant().tenant)).toBe(NO_WORDS);
    await counted.close();
  });

  it('choose which passages a search ranks, and rank them by all of its words', async () => {
    const common = { passages: 100_000, holding: new Map([['order', 50_000]]) };
    for (const found of await search('refund of my order', common)) expect(found.text).toBe('Order and refund');
    expect(await search('refund of my order', common)).toHaveLength(3);
    expect((await search('order', common)).map(({ text }) => text)).toContain('Order');
    const never = {
      passages: 100_000,
      holding: new Map([
        ['invoic', 50_000],
        ['parcel', 50_000],
        ['invoice', 50_000],
      ]),
    };
    const words = await store.within(apart.as.within, (tx) => searchPassages(tx, store.vectors, searchFor('invoice of a parcel', never)));
    expect(words).toHaveLength(3);
    expect(await search('of my', NO_WORDS)).toEqual([]);
    expect(await search('', NO_WORDS)).toEqual([]);
  });

  it('are looked up in the index, although row-level security keeps a search of the table itself from it', async () => {
    const scansOf = (work: (tx: Transaction) => Promise<unknown>): Promise<number> =>
      store.within(mine.as.within, async (tx) => {
        // Those that the connection has not reported yet, also of transactions before.
        const scans = async () =>
          (await rowsOf<{ n: number }>(tx, sql`select pg_stat_get_xact_numscans('passages_words'::regclass)::int as n`))[0]!.n;
        await tx.execute(sql`set local enable_seqscan = off`);
        const before = await scans();
        await work(tx);
        return (await scans()) - before;
      });
    expect(await scansOf((tx) => searchPassages(tx, store.vectors, searchFor('refund', NO_WORDS)))).toBeGreaterThan(0);
    expect(await scansOf((tx) => tx.execute(sql`select id from passages where words @@ 'refund'`))).toBe(0);
  });

  it('are in the index as soon as they are stored, so that no search reads what waits to be entered', async () => {
    const [row] = await store.owner((tx) =>
      rowsOf<{ pages: number }>(tx, sql`select gin_clean_pending_list('passages_words')::int as pages`),
    );
    expect(row?.pages).toBe(0);
  });

  it('hold together no more passages than the function ranks', async () => {
    const [row] = await store.owner((tx) =>
      rowsOf<{ body: string }>(tx, sql`select prosrc as body from pg_proc where proname = 'worded_passages'`),
    );
    expect(row?.body).toContain(`LIMIT ${MOST_RANKED}\n`);
  });

  it('find nothing of another tenant, whoever may read it', async () => {
    const ask = (text: string) => search(text, NO_WORDS, Audience.AGENT);
    expect((await ask('order')).length).toBe(3);
    await store.within(other.as.within, (tx) => tx.execute(sql`update passages set text = 'Zebra' where id = 'a-1#0'`));
    expect(await ask('zebra')).toEqual([]);
  });
});
