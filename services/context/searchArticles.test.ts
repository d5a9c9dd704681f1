import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Article, Audience } from '../../gen/replymesh/type/v1/knowledge.js';
import { ImportOutcome } from '../../gen/replymesh/v1/knowledge_service.js';
import { letterEmbedding, newTenant, openTestStore, reasonOf, startContext, storeKinds, testKeys, until } from './context.fixture.js';
import { seed } from './seed.js';
import { rowsOf, type Store } from './store.js';

type As = ReturnType<typeof newTenant>['as'];
const anArticle = (fields: Partial<Article> = {}): Article =>
  Article.fromPartial({
    id: 'refund-times',
    title: 'Refund times',
    body: 'Five days.\n## Cards\nThree days more.',
    intents: ['track_refund'],
    ...fields,
  });

describe.each(storeKinds)('knowledge on %s', (kind) => {
  let store: Store;
  let mesh: Awaited<ReturnType<typeof startContext>>;
  beforeAll(async () => {
    store = await openTestStore(kind);
    mesh = await startContext(store);
  });
  afterAll(async () => {
    await mesh.close();
    await store.close();
  });
  const create = async (as: As, fields: Partial<Article> = {}) =>
    (await mesh.knowledge.createArticle({ article: anArticle(fields) }, as)).article as Article;
  const update = async (as: As, article: Partial<Article>, updateMask?: string[]) =>
    (await mesh.knowledge.updateArticle({ article: Article.fromPartial(article), updateMask }, as)).article as Article;
  const search = async (as: As, text: string, audience = Audience.UNSPECIFIED) =>
    (await mesh.knowledge.searchArticles({ text, audience }, as)).passages;
  /** An embedding as a question brings it along. */
  const asked = (text: string) => ({ embedding: letterEmbedding(text), encoderDigest: mesh.inference.state.encoderDigest });
  const waiting = (tenant: string, digest: string) =>
    store.background((tx) =>
      rowsOf(tx, sql`select id from passages where tenant = ${tenant} and bundle_digest is distinct from ${digest}`),
    );
  const embedded = (tenant: string, digest = mesh.inference.state.encoderDigest) =>
    until(async () => (await waiting(tenant, digest)).length === 0);

  describe('an article', () => {
    it('is there as soon as it is created, for everybody unless it says otherwise', async () => {
      const { as } = newTenant();
      const made = await create(as);
      expect(made).toMatchObject({
        ...anArticle(),
        audience: Audience.PUBLIC,
        version: 1,
        etag: made.etag,
        createTime: mesh.clock.now,
        updateTime: mesh.clock.now,
      });
      expect(await mesh.knowledge.getArticle({ id: made.id }, as)).toEqual({ article: made });
      expect((await search(as, 'how many days until my refund?'))[0]).toMatchObject({ articleId: made.id });
      expect(await reasonOf(create(as))).toBe('ARTICLE_EXISTS');
      expect(await reasonOf(mesh.knowledge.getArticle({ id: 'not-there' }, as))).toBe('ARTICLE_NOT_FOUND');
    });

    it('changes in the fields that the mask names, or in those that are set, and grows a version each time', async () => {
      const { as } = newTenant();
      const made = await create(as);
      const renamed = await update(as, { id: made.id, title: 'New title' });
      expect(renamed).toMatchObject({ title: 'New title', body: made.body, intents: made.intents, version: 2 });
      const emptied = await update(as, { id: made.id, title: 'not in the mask', audience: Audience.AGENT }, ['intents', 'audience']);
      expect(emptied).toMatchObject({ title: 'New title', intents: [], audience: Audience.AGENT, version: 3 });
      expect(new Set([made.etag, renamed.etag, emptied.etag]).size).toBe(3);
    });

    it('stays the version that it is when nothing changes', async () => {
      const { as } = newTenant();
      const made = await create(as);
      expect(await update(as, { id: made.id, title: made.title })).toEqual(made);
    });

    it('is safe from a caller who read another version', async () => {
      const { as } = newTenant();
      const made = await create(as);
      const changed = await update(as, { id: made.id, title: 'Second', etag: made.etag });
      expect(await reasonOf(update(as, { id: made.id, title: 'Third', etag: made.etag }))).toBe('ARTICLE_CHANGED');
      expect(await reasonOf(mesh.knowledge.deleteArticle({ id: made.id, etag: made.etag }, as))).toBe('ARTICLE_CHANGED');
      await mesh.knowledge.deleteArticle({ id: made.id, etag: changed.etag }, as);
      const again = await create(as);
      expect([again.version, again.etag === made.etag && Number(again.createTime) !== Number(made.createTime)]).toEqual([1, false]);
    });

    it('is refused when the merged article, or the mask, breaks the contract', async () => {
      const { as } = newTenant();
      const { id } = await create(as);
      expect(await reasonOf(update(as, { id, title: '' }, ['title']))).toBe('FIELD_VIOLATION');
      expect(await reasonOf(update(as, { id, title: 'x' }, ['version']))).toBe('FIELD_VIOLATION');
      expect(await reasonOf(update(as, { title: 'x' }))).toBe('FIELD_VIOLATION');
      expect(await reasonOf(update(as, { id: 'not-there', title: 'x' }))).toBe('ARTICLE_NOT_FOUND');
    });

    it('takes its passages along when it is deleted', async () => {
      const { as } = newTenant();
      const { id } = await create(as);
      await mesh.knowledge.deleteArticle({ id }, as);
      expect(await search(as, 'refund times')).toEqual([]);
      expect(await reasonOf(mesh.knowledge.deleteArticle({ id }, as))).toBe('ARTICLE_NOT_FOUND');
    });
  });

  it('is listed by id, page by page, by audience and by intent', async () => {
    const { as } = newTenant();
    for (const [i, id] of ['delta', 'alpha', 'charlie', 'bravo'].entries()) {
      await create(as, { id, audience: i === 0 ? Audience.AGENT : Audience.PUBLIC, intents: i < 2 ? ['track_refund'] : [] });
    }
    const first = await mesh.knowledge.listArticles({ pageSize: 3 }, as);
    const second = await mesh.knowledge.listArticles({ pageSize: 3, pageToken: first.nextPageToken }, as);
    expect([...first.articles, ...second.articles].map((a) => a.id)).toEqual(['alpha', 'bravo', 'charlie', 'delta']);
    expect(second.nextPageToken).toBe('');
    expect(
      (await mesh.knowledge.listArticles({ audience: Audience.PUBLIC, intent: 'track_refund' }, as)).articles.map((a) => a.id),
    ).toEqual(['alpha']);
    expect(await reasonOf(mesh.knowledge.listArticles({ pageToken: first.nextPageToken, intent: 'x' }, as))).toBe('PAGE_TOKEN_INVALID');
  });

  it('is imported once, however often; one article that fails leaves the others alone', async () => {
    const { as } = newTenant();
    const [one, two] = [anArticle({ id: 'one' }), anArticle({ id: 'two' })];
    const outcomes = async (articles: Article[]) =>
      (await mesh.knowledge.importArticles({ articles }, as)).articles.map((a) => [a.id, a.outcome, a.error?.code ?? 0]);
    expect(await outcomes([one, two])).toEqual([
      ['one', ImportOutcome.CREATED, 0],
      ['two', ImportOutcome.CREATED, 0],
    ]);
    expect(await outcomes([one, two])).toEqual([
      ['one', ImportOutcome.UNCHANGED, 0],
      ['two', ImportOutcome.UNCHANGED, 0],
    ]);
    const changed = [
      { ...one, title: 'New' },
      { ...one, title: 'Twice' },
      { ...two, body: 'Old', etag: 'another' },
      { ...two, body: 'New', id: 'three' },
    ];
    expect(await outcomes(changed)).toEqual([
      ['one', ImportOutcome.UPDATED, 0],
      ['one', ImportOutcome.FAILED, 3],
      ['two', ImportOutcome.FAILED, 10],
      ['three', ImportOutcome.CREATED, 0],
    ]);
    expect((await mesh.knowledge.getArticle({ id: 'one' }, as)).article).toMatchObject({ title: 'New', version: 2 });
  });

  it('that breaks the contract fails alone in an import, and says in what', async () => {
    const { as } = newTenant();
    const long = 'x'.repeat(70);
    const articles = [
      anArticle({ id: 'good' }),
      anArticle({ id: 'no-title', title: '' }),
      anArticle({ id: long }),
      anArticle({ id: 'fine' }),
    ];
    const imported = (await mesh.knowledge.importArticles({ articles }, as)).articles;
    expect(imported.map((a) => [a.id, a.outcome])).toEqual([
      ['good', ImportOutcome.CREATED],
      ['no-title', ImportOutcome.FAILED],
      [long.slice(0, 63), ImportOutcome.FAILED],
      ['fine', ImportOutcome.CREATED],
    ]);
    expect(imported.map((a) => a.error?.message)).toEqual([
      undefined,
      expect.stringContaining('articles[1].title'),
      expect.stringContaining('articles[2].id'),
      undefined,
    ]);
  });

  describe('a search', () => {
    it('never shows a customer what is for agents, and shows agents both', async () => {
      const { as, tenant } = newTenant();
      await create(as, { id: 'public', title: 'Goodwill for everybody', body: 'Goodwill.' });
      await create(as, { id: 'secret', title: 'Goodwill credits', body: 'Goodwill.', audience: Audience.AGENT });
      await embedded(tenant);
      const ids = async (audience: Audience) => (await search(as, 'goodwill credits', audience)).map((p) => p.articleId).sort();
      expect([await ids(Audience.UNSPECIFIED), await ids(Audience.PUBLIC), await ids(Audience.AGENT)]).toEqual([
        ['public'],
        ['public'],
        ['public', 'secret'],
      ]);
      const knowledge = { text: 'goodwill credits', ...asked('goodwill credits'), audience: Audience.PUBLIC };
      expect((await mesh.context.searchKnowledge(knowledge, as)).passages.map((p) => p.articleId)).toEqual(['public']);
    });

    it('finds by meaning what shares no word, and says how near it is', async () => {
      const { as, tenant } = newTenant();
      await create(as, { id: 'cancelling', title: 'Cancellations', body: 'Cancellations are free.', intents: [] });
      await create(as, { id: 'paying', title: 'Payment', body: 'We take cards.', intents: [] });
      await embedded(tenant);
      const [first] = await search(as, 'cancelation');
      expect(first).toMatchObject({ articleId: 'cancelling', title: 'Cancellations', text: 'Cancellations are free.' });
      expect(first?.similarity).toBeGreaterThan(0.3);
      const [near] = (await mesh.context.searchKnowledge({ text: 'x', ...asked('Payment\nWe take cards.'), audience: Audience.PUBLIC }, as))
        .passages;
      expect(near).toMatchObject({ articleId: 'paying', similarity: expect.closeTo(1, 3) });
    });

    it('goes by words alone without an embedding, or with one of another dimension or of nobody knows which encoder', async () => {
      const { as, tenant } = newTenant();
      await create(as);
      await embedded(tenant);
      const found = async (way: { embedding?: number[]; encoderDigest?: string }) =>
        (await mesh.context.searchKnowledge({ text: 'REFUNDS!', ...way, audience: Audience.PUBLIC }, as)).passages[0];
      const byWords = expect.objectContaining({ id: 'refund-times#0', similarity: undefined });
      expect([await found({}), await found({ embedding: letterEmbedding('refunds') })]).toEqual([byWords, byWords]);
      expect(await found({ ...asked('refunds'), embedding: [1, 0] })).toMatchObject({ id: 'refund-times#0' });
      expect((await mesh.context.searchKnowledge({ text: 'zebra', audience: Audience.PUBLIC }, as)).passages).toEqual([]);
    });

    it('compares what one encoder has embedded: until the next one has read a passage, its words find it', async () => {
      const { as, tenant } = newTenant();
      const { state } = mesh.inference;
      await create(as, { id: 'cancelling', title: 'Cancellations', body: 'Cancellations are free.', intents: [] });
      await embedded(tenant);
      // Shares pieces with what it asks for, and no word.
      const question = 'xcancellations';
      const before = asked(question);
      const similarities = async (text: string) => (await search(as, text)).map((p) => p.similarity);
      // Another bundle was promoted, and answers already.
      Object.assign(state, { encoderDigest: 'd'.repeat(64), embed: (text: string) => letterEmbedding(text).reverse() });
      try {
        expect([await similarities(question), await similarities('cancellations')]).toEqual([[], [undefined]]);
        // A question that was read before the change.
        const { passages } = await mesh.context.searchKnowledge({ text: 'x', ...before, audience: Audience.PUBLIC }, as);
        expect(passages[0]?.similarity).toBeGreaterThan(0.3);
        state.describedEncoder = state.encoderDigest;
        await create(as, { id: 'wake-the-embedder', title: 'Zebra', body: 'Zebra.' });
        await embedded(tenant);
        expect((await similarities(question))[0]).toBeGreaterThan(0.3);
      } finally {
        Object.assign(state, { embed: letterEmbedding, describedEncoder: state.encoderDigest });
      }
    });

    it('takes any text: operators, quotes and NUL are words or nothing', async () => {
      const { as } = newTenant();
      await create(as);
      for (const text of [
        'refund\' | & ! <-> :* ( \\ "',
        'refund\0 times',
        '!!! ???',
        "http://a.b/c?d=1&e='2' refund",
        'e-mail refund-times 1 & 2',
      ]) {
        const { passages } = await mesh.context.searchKnowledge({ text, audience: Audience.PUBLIC }, as);
        expect(passages.length > 0).toBe(text.includes('refund'));
      }
    });

    it('prefers articles that answer the likely intents when they are near', async () => {
      const { as } = newTenant();
      await create(as, { id: 'aaa', title: 'Refund', body: 'About refunds.', intents: ['get_refund'] });
      await create(as, { id: 'bbb', title: 'Refund', body: 'About refunds.', intents: ['track_refund'] });
      const first = async (intents: string[]) =>
        (await mesh.context.searchKnowledge({ text: 'refund', audience: Audience.PUBLIC, intents }, as)).passages[0]?.articleId;
      expect([await first([]), await first(['get_refund']), await first(['track_refund', 'unknown'])]).toEqual(['aaa', 'aaa', 'bbb']);
    });

    it('gives at most so many, best first, each score from 0 to 1', async () => {
      const t = newTenant();
      await seed(store, testKeys(), t.tenant, mesh.clock.now);
      await create(t.as, { id: 'wake-the-embedder' });
      await embedded(t.tenant);
      const text = 'I want to change the address of my order';
      const { passages } = await mesh.context.searchKnowledge(
        { text, ...asked(text), audience: Audience.PUBLIC, limit: 3, intents: ['change_shipping_address'] },
        t.as,
      );
      expect(passages).toHaveLength(3);
      expect(passages[0]?.articleId).toBe('change-the-address-of-an-order');
      const scores = passages.map((p) => p.score);
      expect(scores).toEqual([...scores].sort((a, b) => b - a));
      expect(scores.every((s) => s > 0 && s <= 1)).toBe(true);
    });

    it('finds passages in other languages by their words as they stand', async () => {
      const { as } = newTenant();
      await create(as, { id: 'erstattung', title: 'Erstattungen', body: 'Die Erstattung dauert fünf Tage.', language: 'de' });
      expect((await search(as, 'wie lange dauert die Erstattung?')).map((p) => p.articleId)).toEqual(['erstattung']);
    });
  });

  it('is embedded again when the encoder changes, but not when the heads of a bundle do, nor where an article stays the same', async () => {
    const { as, tenant } = newTenant();
    const { state } = mesh.inference;
    const { id } = await create(as);
    await embedded(tenant);
    let before = state.embedded;
    await update(as, { id, body: 'Five days.\n## Cards\nOther words.' });
    await embedded(tenant);
    expect(state.embedded - before).toBe(1);
    before = state.embedded;
    state.digest = 'c'.repeat(64);
    await create(as, { id: 'wake-the-embedder', body: 'One passage.' });
    await embedded(tenant);
    expect(state.embedded - before).toBe(1);
    state.encoderDigest = state.describedEncoder = 'b'.repeat(64);
    await create(as, { id: 'wake-it-again', body: 'One passage.' });
    await embedded(tenant);
    expect(state.embedded - before).toBeGreaterThan(4);
  });
});

describe('knowledge without inference', () => {
  it('is found by words, and by meaning as soon as inference is there', async () => {
    const store = await openTestStore('PGlite');
    const mesh = await startContext(store, { inferenceAway: true });
    try {
      const { as } = newTenant();
      await mesh.knowledge.createArticle({ article: anArticle() }, as);
      const [found] = (await mesh.knowledge.searchArticles({ text: 'refund' }, as)).passages;
      expect(found).toMatchObject({ articleId: 'refund-times', similarity: undefined });
      await mesh.inference.come();
      await until(async () => (await mesh.knowledge.searchArticles({ text: 'refund' }, as)).passages[0]?.similarity !== undefined);
    } finally {
      await mesh.close();
      await store.close();
    }
  });
});
