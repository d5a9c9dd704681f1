import { sql } from 'drizzle-orm';
import type { KnowledgeServiceDefinition } from '../../gen/replymesh/v1/knowledge_service.js';
import type { Handler } from '../../lib/server.js';
import { readArticle, requireVersion } from './article.js';
import type { AuditLog } from './auditLog.js';
import type { Store } from './store.js';

export const deleteArticle =
  ({ store, audit, now }: { store: Store; audit: AuditLog; now: () => Date }): Handler<KnowledgeServiceDefinition, 'deleteArticle'> =>
  (request, call) =>
    store.within(call, async (tx) => {
      const article = await readArticle(tx, request.id, true);
      requireVersion(article, request.etag);
      // Its passages go with it: the foreign key cascades.
      await tx.execute(sql`delete from articles where id = ${request.id}`);
      const detail = { version: String(article.version) };
      await audit.note(tx, call.principal, { at: now(), action: 'article.deleted', subject: request.id, detail });
      return {};
    });
