import { sql } from 'drizzle-orm';
import { ServerError } from 'nice-grpc';
import type { Article } from '../../gen/replymesh/type/v1/knowledge.js';
import {
  type ImportArticlesRequest,
  type ImportedArticle,
  ImportOutcome,
  type KnowledgeServiceDefinition,
} from '../../gen/replymesh/v1/knowledge_service.js';
import { rpcStatusOf } from '../../lib/errors.js';
import type { Handler } from '../../lib/server.js';
import { requireNone } from '../../lib/validation.js';
import { fail, fault } from '../errors.js';
import {
  type ArticleOrigin,
  contentOf,
  insertArticle,
  originOf,
  readArticles,
  replaceArticle,
  requireValid,
  requireVersion,
  sameContent,
  setOrigin,
} from './article.js';
import type { AuditLog } from './auditLog.js';
import type { Embedder } from './embedder.js';
import { rowsOf, type Store, type Transaction } from './store.js';
import { StatementRefused } from './storeFault.js';

interface Parts {
  readonly store: Store;
  readonly audit: AuditLog;
  readonly embedder: Embedder;
  readonly now: () => Date;
}

/** Longest id that the answer can name. */
const MAX_ID = 63;

export const importArticles =
  ({ store, audit, embedder, now }: Parts): Handler<KnowledgeServiceDefinition, 'importArticles'> =>
  async (request, call) => {
    const known = await store.within(call, (tx) => readOrigins(tx, request.articles));
    const seen = new Set<string>();
    const imported: ImportedArticle[] = [];
    // One transaction for each: short ones let other calls through, and one that fails leaves the others alone.
    for (const [index, article] of request.articles.entries()) {
      const at = `articles[${index}]`;
      const outcome = async (): Promise<ImportOutcome> => {
        requireValid(article, at);
        if (seen.has(article.id)) requireNone([{ field: `${at}.id`, description: 'an article before this one has the same id' }]);
        seen.add(article.id);
        if (article.sourceSha256 !== '' && known.get(article.id) === originKey(article)) return ImportOutcome.UNCHANGED;
        return store.within(call, async (tx) => {
          const at = now();
          const became = await importOne(tx, call.principal.tenant, article, request, at);
          const detail = { outcome: ImportOutcome[became], source_sha256: article.sourceSha256 };
          if (became !== ImportOutcome.UNCHANGED && !request.validateOnly)
            await audit.note(tx, call.principal, { at, action: 'article.imported', subject: article.id, detail });
          return became;
        });
      };
      imported.push(await outcomeOf(article, outcome));
    }
    embedder.wake();
    return { articles: imported };
  };

const originKey = ({ source, sourceSha256 }: ArticleOrigin): string => `${sourceSha256} ${source}`;

/** Origins by id, in one statement: most of what is imported again has not changed. */
async function readOrigins(tx: Transaction, articles: readonly Article[]): Promise<ReadonlyMap<string, string>> {
  const ids = JSON.stringify(articles.map((article) => article.id.replaceAll('\0', '')));
  const rows = await rowsOf<{ id: string; source: string; source_sha256: string }>(
    tx,
    sql`select id, source, source_sha256 from articles where id in (select jsonb_array_elements_text(${ids}::jsonb)) and source_sha256 <> ''`,
  );
  return new Map(rows.map((row) => [row.id, originKey({ source: row.source, sourceSha256: row.source_sha256 })]));
}

async function importOne(
  tx: Transaction,
  tenant: string,
  article: Article,
  { sourcePrefix, validateOnly }: Pick<ImportArticlesRequest, 'sourcePrefix' | 'validateOnly'>,
  now: Date,
): Promise<ImportOutcome> {
  const content = contentOf(article);
  if (!validateOnly && (await insertArticle(tx, tenant, article.id, content, now, originOf(article)))) return ImportOutcome.CREATED;
  const [before] = await readArticles(tx, sql`id = ${article.id}`, 1, { lock: true });
  // Nothing was inserted: it would be.
  if (!before) return ImportOutcome.CREATED;
  if (!before.source.startsWith(sourcePrefix)) fail('ARTICLE_EXISTS', { id: article.id });
  const same = sameContent(before, content);
  if (!same) requireVersion(before, article.etag);
  if (!validateOnly) {
    if (!same) await replaceArticle(tx, tenant, article.id, content, now);
    if (originKey(before) !== originKey(article)) await setOrigin(tx, article.id, originOf(article));
  }
  return same ? ImportOutcome.UNCHANGED : ImportOutcome.UPDATED;
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
