import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Article, Audience } from '../../gen/replymesh/type/v1/knowledge.js';
import { ArticleView, type ImportArticlesRequest, ImportOutcome } from '../../gen/replymesh/v1/knowledge_service.js';
import { newTenant, openTestStore, reasonOf, startContext, storeKinds, until } from './context.fixture.js';
import { rowsOf, type Store } from './store.js';

type As = ReturnType<typeof newTenant>['as'];
const sha = (digit: string): string => digit.repeat(64);
const page = (id: string, fields: Partial<Article> = {}): Article =>
  Article.fromPartial({ id, title: `About ${id}`, body: 'Five days.', source: `/help/${id}.md`, sourceSha256: sha('a'), ...fields });

describe.each(storeKinds)('an import into %s', (kind) => {
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
  const imported = async (as: As, articles: Article[], more: Partial<ImportArticlesRequest> = {}) =>
    (await mesh.knowledge.importArticles({ articles, ...more }, as)).articles;
  const outcomes = async (as: As, articles: Article[], more: Partial<ImportArticlesRequest> = {}) =>
    (await imported(as, articles, more)).map((a) => ImportOutcome[a.outcome]);
  const stored = async (as: As, id: string) => (await mesh.knowledge.getArticle({ id }, as)).article!;

  it('keeps where an article comes from, which is no new version', async () => {
    const { as } = newTenant();
    await imported(as, [page('refunds')]);
    const first = await stored(as, 'refunds');
    expect(first).toMatchObject({ source: '/help/refunds.md', sourceSha256: sha('a'), version: 1 });
    expect(await outcomes(as, [page('refunds', { source: '/help/money/refunds.md', sourceSha256: sha('b') })])).toEqual(['UNCHANGED']);
    expect(await stored(as, 'refunds')).toEqual({ ...first, source: '/help/money/refunds.md', sourceSha256: sha('b') });
  });

  it('leaves what somebody edited until its source changes', async () => {
    const { as } = newTenant();
    await imported(as, [page('refunds')]);
    await mesh.knowledge.updateArticle({ article: Article.fromPartial({ id: 'refunds', body: 'Six days.' }) }, as);
    expect(await outcomes(as, [page('refunds')])).toEqual(['UNCHANGED']);
    expect(await stored(as, 'refunds')).toMatchObject({ body: 'Six days.', version: 2 });
    expect(await outcomes(as, [page('refunds', { body: 'Seven days.', sourceSha256: sha('b') })])).toEqual(['UPDATED']);
    expect(await stored(as, 'refunds')).toMatchObject({ body: 'Seven days.', version: 3 });
  });

  it('does not embed again what stayed the same', async () => {
    const { as } = newTenant();
    const embedded = () =>
      until(async () => {
        const waiting = await store.background((tx) => rowsOf(tx, sql`select id from passages where bundle_digest is null limit 1`));
        return waiting.length === 0;
      });
    const same = [page('refunds'), page('returns', { sourceSha256: '' })];
    await imported(as, same);
    await embedded();
    const before = mesh.inference.state.embedded;
    await imported(as, [...same, page('new')]);
    await embedded();
    expect(mesh.inference.state.embedded - before).toBe(1);
  });

  it('replaces nothing that belongs elsewhere when it says where it belongs', async () => {
    const { as } = newTenant();
    await mesh.knowledge.createArticle({ article: page('written', { source: '', sourceSha256: '' }) }, as);
    await imported(as, [page('other', { source: '/faq/other.md' })]);
    const changed = [page('written', { body: 'New.' }), page('other', { body: 'New.', sourceSha256: sha('b') }), page('own')];
    const answers = await imported(as, changed, { sourcePrefix: '/help/' });
    expect(answers.map((a) => [ImportOutcome[a.outcome], a.error?.message ?? ''])).toEqual([
      ['FAILED', expect.stringContaining('"written" exists already')],
      ['FAILED', expect.stringContaining('"other" exists already')],
      ['CREATED', ''],
    ]);
    expect(await outcomes(as, changed)).toEqual(['UPDATED', 'UPDATED', 'UNCHANGED']);
    expect((await stored(as, 'written')).source).toBe('/help/written.md');
  });

  it('says what would become of each, and stores nothing, when it is only to be tried', async () => {
    const { as } = newTenant();
    await imported(as, [page('refunds')]);
    const before = await stored(as, 'refunds');
    const tried = [
      page('refunds'),
      page('returns'),
      page('refunds-2', { title: '' }),
      page('refunds', { body: 'New.', sourceSha256: sha('b') }),
    ];
    expect(await outcomes(as, tried.slice(0, 3), { validateOnly: true })).toEqual(['UNCHANGED', 'CREATED', 'FAILED']);
    expect(await outcomes(as, tried.slice(3), { validateOnly: true })).toEqual(['UPDATED']);
    expect(await stored(as, 'refunds')).toEqual(before);
    expect(await reasonOf(mesh.knowledge.getArticle({ id: 'returns' }, as))).toBe('ARTICLE_NOT_FOUND');
  });

  it('is listed by where it comes from, without the bodies when only the rest is wanted', async () => {
    const { as } = newTenant();
    await imported(as, [page('refunds'), page('percent', { source: '/help%/percent.md' }), page('by-hand', { source: '' })]);
    const { articles } = await mesh.knowledge.listArticles({ sourcePrefix: '/help/', view: ArticleView.BASIC }, as);
    const { body: _, ...rest } = await stored(as, 'refunds');
    expect(articles).toEqual([{ ...rest, body: '' }]);
    expect((await mesh.knowledge.listArticles({}, as)).articles).toHaveLength(3);
  });

  describe('of an article that goes stale', () => {
    const DAY = 86_400_000;
    const inDays = (days: number) => new Date(mesh.clock.now.getTime() + days * DAY);

    it('changes the version when the time does, by import or by update, and not otherwise', async () => {
      const { as } = newTenant();
      await imported(as, [page('offer', { staleTime: inDays(1) })]);
      expect(await stored(as, 'offer')).toMatchObject({ staleTime: inDays(1), version: 1 });
      expect(await outcomes(as, [page('offer', { staleTime: inDays(1), sourceSha256: '' })])).toEqual(['UNCHANGED']);
      expect(await outcomes(as, [page('offer', { staleTime: inDays(2), sourceSha256: '' })])).toEqual(['UPDATED']);
      const update = (updateMask?: string[]) =>
        mesh.knowledge.updateArticle(
          { article: Article.fromPartial({ id: 'offer', staleTime: updateMask ? undefined : inDays(3) }), updateMask },
          as,
        );
      expect((await update()).article).toMatchObject({ staleTime: inDays(3), version: 3 });
      expect((await update(['stale_time'])).article).toMatchObject({ staleTime: undefined, version: 4 });
    });

    it('shows it to customers until then and to agents for ever; it stays readable and can be listed', async () => {
      const { as } = newTenant();
      await imported(as, [page('offer', { staleTime: inDays(1) }), page('lasting'), page('later', { staleTime: inDays(9) })]);
      const found = async (audience: Audience) =>
        (await mesh.knowledge.searchArticles({ text: 'five days', audience }, as)).passages.map((p) => p.articleId).sort();
      const cited = async () =>
        (await mesh.context.searchKnowledge({ text: 'five days', audience: Audience.PUBLIC }, as)).passages.map((p) => p.articleId).sort();
      const listed = async (stale?: boolean) => (await mesh.knowledge.listArticles({ stale }, as)).articles.map((a) => a.id);
      expect([await found(Audience.PUBLIC), await cited(), await listed(true)]).toEqual([
        ['lasting', 'later', 'offer'],
        ['lasting', 'later', 'offer'],
        [],
      ]);
      const started = mesh.clock.now;
      mesh.clock.now = inDays(1);
      try {
        expect([await found(Audience.PUBLIC), await cited()]).toEqual([
          ['lasting', 'later'],
          ['lasting', 'later'],
        ]);
        expect(await found(Audience.AGENT)).toEqual(['lasting', 'later', 'offer']);
        expect([await listed(true), await listed(false), (await listed()).length]).toEqual([['offer'], ['lasting', 'later'], 3]);
        expect((await stored(as, 'offer')).staleTime).toEqual(mesh.clock.now);
      } finally {
        mesh.clock.now = started;
      }
    });
  });
});
