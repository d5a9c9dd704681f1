import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Audience } from '../../gen/replymesh/type/v1/knowledge.js';
import { newTenant, openTestStore, storeKinds } from './context.fixture.js';
import { searchPassages } from './passageSearch.js';
import type { Store } from './store.js';
import { countWords, NO_WORDS, startWordCounts, type WordCounts } from './wordCounts.js';

describe.each(storeKinds)('words of passages on %s', (kind) => {
  let store: Store;
  const mine = newTenant();
  const other = newTenant();
  beforeAll(async () => {
    store = await openTestStore(kind);
    await fill(mine, 200, (n) => (n % 10 === 0 ? 'Order and refund' : 'Order'));
    await fill(other, 200, () => 'Order');
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
  const search = (text: string, wordCounts: WordCounts, audience = Audience.PUBLIC) =>
    store.within(mine.as.within, (tx) =>
      searchPassages(tx, store.vectors, {
        text,
        embedding: [],
        encoderDigest: '',
        audience,
        limit: 3,
        intents: [],
        now: new Date(),
        wordCounts,
      }),
    );

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
    expect((await countWords(store)).size).toBe(0);
  });

  it('are estimated from a part of the passages where there are many', async () => {
    await store.owner((tx) => tx.execute(sql`analyze passages`));
    const part = await countWords(store, { few: 100, mostRead: 200 });
    const { passages, holding } = [...part.values()][0]!;
    expect(holding.get('order')).toBe(passages);
    expect(part).toEqual(await countWords(store, { few: 100, mostRead: 200 }));
  });

  it('are known from the start on, and where they cannot be counted searches go on', async () => {
    const away = await startWordCounts({ ...store, background: () => Promise.reject(new Error('away')) });
    expect(away.of(mine.tenant)).toBe(NO_WORDS);
    await away.close();
    const counted = await startWordCounts(store);
    expect(counted.of(newTenant().tenant)).toBe(NO_WORDS);
    await counted.close();
  });

  it('choose which passages a search ranks, and rank them by all of its words', async () => {
    const common = { passages: 100_000, holding: new Map([['order', 50_000]]) };
    for (const found of await search('refund of my order', common)) expect(found.text).toBe('Order and refund');
    expect(await search('refund of my order', common)).toHaveLength(3);
    expect((await search('order', common)).map(({ text }) => text)).toContain('Order');
    expect(await search('of my', NO_WORDS)).toEqual([]);
    expect(await search('', NO_WORDS)).toEqual([]);
  });

  it('find nothing of another tenant, whoever may read it', async () => {
    const ask = (text: string) => search(text, NO_WORDS, Audience.AGENT);
    expect((await ask('order')).length).toBe(3);
    await store.within(other.as.within, (tx) => tx.execute(sql`update passages set text = 'Zebra' where id = 'a-1#0'`));
    expect(await ask('zebra')).toEqual([]);
  });
});
