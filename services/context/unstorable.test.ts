import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aQuery, newTenant, openTestStore, reasonOf, startContext, storeKinds } from './context.fixture.js';
import type { Store } from './store.js';

const QUERY_ID = 'qry_00000000-0000-7000-8000-000000000000';

describe.each(storeKinds)('what %s cannot hold or compare', (kind) => {
  let store: Store;
  let mesh: Awaited<ReturnType<typeof startContext>>;
  const { as } = newTenant();
  beforeAll(async () => {
    store = await openTestStore(kind);
    mesh = await startContext(store);
    await Promise.all([1, 2].map(() => mesh.context.recordDecision({ query: aQuery({}), fingerprint: '' }, as)));
    for (const id of ['aaa', 'bbb']) await mesh.knowledge.createArticle({ article: { id, title: id, body: id } }, as);
  });
  afterAll(async () => {
    await mesh.close();
    await store.close();
  });

  it.each<[what: string, ask: (text: string) => Promise<unknown>]>([
    ['a customer', (customerId) => mesh.context.getContext({ customerId }, as)],
    ['a customer to list', (customerId) => mesh.context.listQueries({ customerId }, as)],
    ['an intent to list', (intent) => mesh.context.listQueries({ intent }, as)],
    ['a query', (id) => mesh.context.getQuery({ id }, as)],
    ['an article to read', (id) => mesh.knowledge.getArticle({ id }, as)],
    ['an article to change', (id) => mesh.knowledge.updateArticle({ article: { id, title: 'x' } }, as)],
    ['an article to delete', (id) => mesh.knowledge.deleteArticle({ id }, as)],
    ['an intent of articles', (intent) => mesh.knowledge.listArticles({ intent }, as)],
    ['a corrected intent', (correctedIntent) => mesh.feedback.submitFeedback({ queryId: QUERY_ID, correctedIntent }, as)],
  ])('is refused as the name of %s', async (_, ask) => {
    for (const text of ['\0', 'a\0b', '\0\n']) expect(await reasonOf(ask(text))).toBe('FIELD_VIOLATION');
  });

  it.each([253_402_300_800_000, -62_135_596_800_001, 8.64e15, -8.64e15])('is refused as a time: %i ms', async (ms) => {
    expect(await reasonOf(mesh.context.listQueries({ startTime: new Date(ms) }, as))).toBe('FIELD_VIOLATION');
    expect(await reasonOf(mesh.context.listQueries({ endTime: new Date(ms) }, as))).toBe('FIELD_VIOLATION');
  });

  it('is refused in a page token that somebody has made up', async () => {
    const lists = [
      (pageToken: string) => mesh.context.listQueries({ pageSize: 1, pageToken }, as),
      (pageToken: string) => mesh.knowledge.listArticles({ pageSize: 1, pageToken }, as),
    ];
    const made = fc.array(fc.oneof(fc.constantFrom('\0', 'a\0', 'qry_1', 8.64e15, -8.64e15, 1e300), fc.string(), fc.double()), {
      maxLength: 3,
    });
    for (const list of lists) {
      const { nextPageToken } = await list('');
      const [digest] = JSON.parse(Buffer.from(nextPageToken, 'base64url').toString()) as string[];
      await fc.assert(
        fc.asyncProperty(made, async (key) => {
          const token = Buffer.from(JSON.stringify([digest, ...key])).toString('base64url');
          expect(['PAGE_TOKEN_INVALID', 'it succeeded']).toContain(await reasonOf(list(token)));
        }),
      );
    }
  });

  it('keeps nobody else from an answer, however often it is asked for', async () => {
    for (let i = 0; i < 30; i += 1) await reasonOf(mesh.context.listQueries({ intent: '\0' }, as));
    expect((await mesh.context.listQueries({}, newTenant().as)).queries).toEqual([]);
  });
});
