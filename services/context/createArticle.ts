import type { Article } from '../../gen/replymesh/type/v1/knowledge.js';
import type { KnowledgeServiceDefinition } from '../../gen/replymesh/v1/knowledge_service.js';
import type { Handler } from '../../lib/server.js';
import { fail } from '../errors.js';
import { contentOf, insertArticle, originOf } from './article.js';
import type { AuditLog } from './auditLog.js';
import type { Embedder } from './embedder.js';
import type { Store } from './store.js';

interface Parts {
  readonly store: Store;
  readonly audit: AuditLog;
  readonly embedder: Embedder;
  readonly now: () => Date;
}

export const createArticle =
  ({ store, audit, embedder, now }: Parts): Handler<KnowledgeServiceDefinition, 'createArticle'> =>
  async (request, call) => {
    const article = request.article as Article;
    const { id } = article;
    const at = now();
    const stored = await store.within(call, async (tx) => {
      const made = await insertArticle(tx, call.principal.tenant, id, contentOf(article), at, originOf(article));
      if (made)
        await audit.note(tx, call.principal, { at, action: 'article.created', subject: id, detail: { version: String(made.version) } });
      return made;
    });
    if (!stored) return fail('ARTICLE_EXISTS', { id });
    embedder.wake();
    return { article: stored };
  };
