import { sql } from 'drizzle-orm';
import { type Article, Audience } from '../../gen/replymesh/type/v1/knowledge.js';
import { ArticleView, type KnowledgeServiceDefinition } from '../../gen/replymesh/v1/knowledge_service.js';
import type { Handler } from '../../lib/server.js';
import { fail } from '../errors.js';
import { readArticles } from './article.js';
import { keyOf, type PageScope, pageTokenOf } from './pageToken.js';
import type { Store } from './store.js';

const DEFAULT_PAGE_SIZE = 50;
/** A page ends early at this many characters, so that it fits into one gRPC message: one may take 200,000 bytes. */
const MAX_PAGE_CHARACTERS = 1_000_000;

export const listArticles =
  ({ store, now }: { store: Store; now: () => Date }): Handler<KnowledgeServiceDefinition, 'listArticles'> =>
  async (request, call) => {
    const pageSize = request.pageSize || DEFAULT_PAGE_SIZE;
    const { audience, intent, stale, sourcePrefix } = request;
    const scope = { tenant: call.principal.tenant, list: 'articles', filter: { audience, intent, stale: stale?.toString(), sourcePrefix } };
    const after = request.pageToken === '' ? '' : keyIn(scope, request.pageToken);
    const condition = sql`id > ${after}
      and (${intent} = '' or ${intent} = any(intents))
      and (${audience} = 0 or audience = ${Audience[audience]})
      and starts_with(source, ${sourcePrefix})
      ${stale === undefined ? sql`` : sql`and (stale_at is not null and stale_at <= ${now().toISOString()}) = ${stale}`}`;
    const basic = request.view === ArticleView.BASIC;
    const articles = await store.within(call, (tx) => readArticles(tx, condition, pageSize + 1, { basic }));
    const page = articles.slice(0, howManyFit(articles.slice(0, pageSize)));
    return { articles: page, nextPageToken: articles.length > page.length ? pageTokenOf(scope, [page.at(-1)?.id ?? '']) : '' };
  };

function keyIn(scope: PageScope, token: string): string {
  const [id, ...more] = keyOf(scope, token) ?? [];
  return typeof id === 'string' && more.length === 0 ? id : fail('PAGE_TOKEN_INVALID', {});
}

function howManyFit(articles: readonly Article[]): number {
  let size = 0;
  const tooMany = articles.findIndex((article, i) => (size += article.body.length) > MAX_PAGE_CHARACTERS && i > 0);
  return tooMany === -1 ? articles.length : tooMany;
}
