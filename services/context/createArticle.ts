import type { Article } from '../../gen/replymesh/type/v1/knowledge.js';
import type { KnowledgeServiceDefinition } from '../../gen/replymesh/v1/knowledge_service.js';
import type { Handler } from '../../lib/server.js';
import { fail } from '../errors.js';
import { contentOf, insertArticle, originOf } from './article.js';
import type { Embedder } from './embedder.js';
import type { Store } from './store.js';

export const createArticle =
  ({ store, embedder, now }: { store: Store; embedder: Embedder; now: () => Date }): Handler<KnowledgeServiceDefinition, 'createArticle'> =>
  async (request, call) => {
    const article = request.article as Article;
    const { id } = article;
    const stored = await store.within(call, (tx) =>
      insertArticle(tx, call.principal.tenant, id, contentOf(article), now(), originOf(article)),
    );
    if (!stored) return fail('ARTICLE_EXISTS', { id });
    embedder.wake();
    return { article: stored };
  };
