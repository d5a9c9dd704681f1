import { sql } from 'drizzle-orm';
import type { KnowledgeServiceDefinition } from '../../gen/replymesh/v1/knowledge_service.js';
import type { Handler } from '../../lib/server.js';
import { readArticle, requireVersion } from './article.js';
import type { Store } from './store.js';

export const deleteArticle =
  ({ store }: { store: Store }): Handler<KnowledgeServiceDefinition, 'deleteArticle'> =>
  (request, call) =>
    store.within(call, async (tx) => {
      requireVersion(await readArticle(tx, request.id, true), request.etag);
      // Its passages go with it: the foreign key cascades.
      await tx.execute(sql`delete from articles where id = ${request.id}`);
      return {};
    });
