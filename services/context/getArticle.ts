import type { KnowledgeServiceDefinition } from '../../gen/replymesh/v1/knowledge_service.js';
import type { Handler } from '../../lib/server.js';
import { readArticle } from './article.js';
import type { Store } from './store.js';

export const getArticle =
  ({ store }: { store: Store }): Handler<KnowledgeServiceDefinition, 'getArticle'> =>
  async ({ id }, call) => ({ article: await store.within(call, (tx) => readArticle(tx, id)) });
