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

  it('are counted over all tenants, the rare ones left out', async () => {
    const { passages, holding } = await countWords(store);
    expect(passages).toBeGreaterThanOrEqual(400);
    expect(holding.get('order')).toBeGreaterThanOrEqual(400);
    expect(holding.get('refund')).toBeGreaterThanOrEqual(20);
    expect([...holding.values()].every((count) => count >= 20)).toBe(true);
  });

  it('are estimated from a part of the passages where there are many', async () => {
    const [all, part] = [await countWords(store), await countWords(store, 100)];
    const share = part.holding.get('order')! / all.holding.get('order')!;
    expect(part.passages).toBe(all.passages);
    expect(share).toBeGreaterThan(0.5);
    expect(share).toBeLessThan(1.5);
    expect(part.holding).toEqual((await countWords(store, 100)).holding);
  });

  it('are counted from the start on', async () => {
    const counted = startWordCounts(store);
    await expect.poll(() => counted.current().holding.get('order')).toBeGreaterThanOrEqual(400);
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
    await fill(other, 0, String);
    const ask = (text: string) => search(text, NO_WORDS, Audience.AGENT);
    expect((await ask('order')).length).toBe(3);
    await store.within(other.as.within, (tx) => tx.execute(sql`update passages set text = 'Zebra' where id = 'a-1#0'`));
    expect(await ask('zebra')).toEqual([]);
  });
});
