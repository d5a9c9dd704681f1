import { ServerError } from 'nice-grpc';
import type { Article } from '../../gen/replymesh/type/v1/knowledge.js';
import { type ImportedArticle, ImportOutcome, type KnowledgeServiceDefinition } from '../../gen/replymesh/v1/knowledge_service.js';
import type { Within } from '../../lib/call.js';
import { rpcStatusOf } from '../../lib/errors.js';
import type { Handler } from '../../lib/server.js';
import { requireNone } from '../../lib/validation.js';
import { fault } from '../errors.js';
import { contentOf, insertArticle, readArticle, replaceArticle, requireValid, requireVersion, sameContent } from './article.js';
import type { Embedder } from './embedder.js';
import type { Store } from './store.js';
import { StatementRefused } from './storeFault.js';

interface Parts {
  readonly store: Store;
  readonly embedder: Embedder;
  readonly now: () => Date;
}

/** Longest id that the answer can name. */
const MAX_ID = 63;

export const importArticles =
  ({ store, embedder, now }: Parts): Handler<KnowledgeServiceDefinition, 'importArticles'> =>
  async ({ articles }, call) => {
    const seen = new Set<string>();
    const imported: ImportedArticle[] = [];
    // One transaction for each: short ones let other calls through, and one that fails leaves the others alone.
    for (const [index, article] of articles.entries()) {
      imported.push(await outcomeOf(article, () => importOne({ store, now }, article, `articles[${index}]`, seen, call)));
    }
    embedder.wake();
    return { articles: imported };
  };

async function importOne(
  { store, now }: Omit<Parts, 'embedder'>,
  article: Article,
  at: string,
  seen: Set<string>,
  call: Within,
): Promise<ImportOutcome> {
  requireValid(article, at);
  if (seen.has(article.id)) requireNone([{ field: `${at}.id`, description: 'an article before this one has the same id' }]);
  seen.add(article.id);
  const content = contentOf(article);
  return store.within(call, async (tx) => {
    if (await insertArticle(tx, call.principal.tenant, article.id, content, now())) return ImportOutcome.CREATED;
    const before = await readArticle(tx, article.id, true);
    if (sameContent(before, content)) return ImportOutcome.UNCHANGED;
    requireVersion(before, article.etag);
    await replaceArticle(tx, call.principal.tenant, article.id, content, now());
    return ImportOutcome.UPDATED;
  });
}

async function outcomeOf(article: Article, run: () => Promise<ImportOutcome>): Promise<ImportedArticle> {
  const id = [...article.id].slice(0, MAX_ID).join('');
  try {
    return { id, outcome: await run(), error: undefined };
  } catch (error) {
    const own = error instanceof StatementRefused ? fault('INTERNAL_ERROR', { trace_id: 'none' }) : error;
    // A caller that is gone and a database that is away fail the whole call: repeating it is safe.
    if (!(own instanceof ServerError) || ('reason' in own && own.reason === 'STORE_UNREACHABLE')) throw error;
    return { id, outcome: ImportOutcome.FAILED, error: rpcStatusOf(own) };
  }
}
