import type { Article } from '../../gen/replymesh/type/v1/knowledge.js';
import type { KnowledgeServiceDefinition } from '../../gen/replymesh/v1/knowledge_service.js';
import type { Handler } from '../../lib/server.js';
import { requireNone } from '../../lib/validation.js';
import { type ArticleContent, contentOf, readArticle, replaceArticle, requireValid, requireVersion, sameContent } from './article.js';
import type { AuditLog } from './auditLog.js';
import type { Embedder } from './embedder.js';
import { maskedFields } from './fieldMask.js';
import type { Store } from './store.js';

type Field = keyof ArticleContent;
/** Fields by their names in a mask. */
const FIELDS: ReadonlyMap<string, Field> = new Map([
  ['title', 'title'],
  ['body', 'body'],
  ['language', 'language'],
  ['audience', 'audience'],
  ['intents', 'intents'],
  ['stale_time', 'staleTime'],
]);

interface Parts {
  readonly store: Store;
  readonly audit: AuditLog;
  readonly embedder: Embedder;
  readonly now: () => Date;
}

export const updateArticle =
  ({ store, audit, embedder, now }: Parts): Handler<KnowledgeServiceDefinition, 'updateArticle'> =>
  async ({ article, updateMask }, call) => {
    if (article === undefined || article.id === '' || article.id.includes('\0'))
      return requireNone([{ field: 'article.id', description: 'name the article to change' }]) as never;
    const fields = maskedFields(FIELDS, updateMask, article);
    const { tenant } = call.principal;
    const stored = await store.within(call, async (tx) => {
      const before = await readArticle(tx, article.id, true);
      requireVersion(before, article.etag);
      const merged = merge(before, article, fields);
      requireValid(merged);
      if (sameContent(before, merged)) return before;
      const at = now();
      const made = await replaceArticle(tx, tenant, article.id, contentOf(merged), at);
      await audit.note(tx, call.principal, {
        at,
        action: 'article.changed',
        subject: article.id,
        detail: { version: String(made.version), fields: fields.join(', ') },
      });
      return made;
    });
    embedder.wake();
    return { article: stored };
  };

/** The stored article with the named fields of the given one. */
export function merge(before: Article, given: Article, fields: readonly Field[]): Article {
  const changed = Object.fromEntries(fields.map((field) => [field, given[field]]));
  return { ...before, ...changed };
}
