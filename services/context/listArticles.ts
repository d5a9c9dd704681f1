import { sql } from 'drizzle-orm';
import { type Article, Audience } from '../../gen/replymesh/type/v1/knowledge.js';
import type { KnowledgeServiceDefinition } from '../../gen/replymesh/v1/knowledge_service.js';
import type { Handler } from '../../lib/server.js';
import { fail } from '../errors.js';
import { readArticles } from './article.js';
import { keyOf, type PageScope, pageTokenOf } from './pageToken.js';
import type { Store } from './store.js';

const DEFAULT_PAGE_SIZE = 50;
/** A page ends early at this many characters, so that it fits into one gRPC message: one may take 200,000 bytes. */
const MAX_PAGE_CHARACTERS = 1_000_000;

export const listArticles =
  ({ store }: { store: Store }): Handler<KnowledgeServiceDefinition, 'listArticles'> =>
  async (request, call) => {
    const pageSize = request.pageSize || DEFAULT_PAGE_SIZE;
    const scope = { tenant: call.principal.tenant, list: 'articles', filter: { audience: request.audience, intent: request.intent } };
    const after = request.pageToken === '' ? '' : keyIn(scope, request.pageToken);
    const condition = sql`id > ${after}
      and (${request.intent} = '' or ${request.intent} = any(intents))
      and (${request.audience} = 0 or audience = ${Audience[request.audience]})`;
    const articles = await store.within(call, (tx) => readArticles(tx, condition, pageSize + 1));
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
