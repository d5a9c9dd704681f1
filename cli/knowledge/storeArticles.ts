import { type Client, Status } from 'nice-grpc';
import {
  ArticleView,
  type ImportedArticle,
  ImportOutcome,
  type KnowledgeServiceDefinition,
} from '../../gen/replymesh/v1/knowledge_service.js';
import { progressBar } from '../progressBar.js';
import { batchesOf } from './batches.js';
import type { Refusal } from './draft.js';
import { type Found, isGone } from './gone.js';
import type { Read } from './readEntries.js';
import type { Source } from './source.js';

type Knowledge = Client<KnowledgeServiceDefinition>;

/** One line of what was done, or would be. */
export interface Change {
  readonly what: 'added' | 'changed' | 'unchanged' | 'pruned';
  readonly id: string;
  /** Where the article is, or was. */
  readonly place: string;
}
export interface Stored {
  readonly changes: readonly Change[];
  readonly refusals: readonly Refusal[];
}

export interface StoreOptions {
  readonly dryRun: boolean;
  /** Whether articles of the same id that come from elsewhere are replaced. */
  readonly replace: boolean;
}

const PAGE_SIZE = 200;

/** Sends articles to the mesh, with a progress bar on a terminal. */
export async function storeArticles(
  knowledge: Knowledge,
  articles: readonly Read[],
  source: Source,
  options: StoreOptions,
  signal: AbortSignal,
): Promise<Stored> {
  const changes: Change[] = [];
  const refusals: Refusal[] = [];
  const reads = new Map(articles.map((read) => [read.article, read]));
  const bar = progressBar('importing', articles.length);
  try {
    for (const batch of batchesOf(articles.map((read) => read.article))) {
      const request = { articles: batch, sourcePrefix: options.replace ? '' : source.prefix, validateOnly: options.dryRun };
      const answer = await knowledge.importArticles(request, { signal });
      for (const [i, imported] of answer.articles.entries()) {
        const read = reads.get(batch[i]!)!;
        const what = CHANGES[imported.outcome];
        if (what) changes.push({ what, id: imported.id, place: `${read.file}:${read.line}` });
        else refusals.push({ file: read.file, line: read.line, problem: problemOf(imported) });
      }
      bar.increment(batch.length);
    }
  } catch (error) {
    const done = changes.length + refusals.length;
    if (done > 0) process.stderr.write(`${done} of ${articles.length} articles were looked at. Import again: nothing is added twice.\n`);
    throw error;
  } finally {
    bar.stop();
  }
  return { changes, refusals };
}

const CHANGES: Partial<Record<ImportOutcome, Change['what']>> = {
  [ImportOutcome.CREATED]: 'added',
  [ImportOutcome.UPDATED]: 'changed',
  [ImportOutcome.UNCHANGED]: 'unchanged',
};

const problemOf = ({ id, error }: ImportedArticle): string =>
  error?.code === Status.ALREADY_EXISTS
    ? `the id "${id}" belongs to an article that comes from elsewhere. Give this one another id, or let it take that one's place with --replace.`
    : (error?.message ?? 'the mesh does not say why.');

/** Deletes the articles of a source that are no longer in it. */
export async function pruneArticles(
  knowledge: Knowledge,
  found: Found,
  source: Source,
  dryRun: boolean,
  signal: AbortSignal,
): Promise<Change[]> {
  const gone: { id: string; etag: string; source: string }[] = [];
  for (let pageToken = ''; ; ) {
    const request = { sourcePrefix: source.prefix, view: ArticleView.BASIC, pageSize: PAGE_SIZE, pageToken };
    const page = await knowledge.listArticles(request, { signal });
    gone.push(...page.articles.filter((article) => (!source.isOne || article.source === source.prefix) && isGone(article, found)));
    pageToken = page.nextPageToken;
    if (pageToken === '') break;
  }
  if (!dryRun) for (const { id, etag } of gone) await knowledge.deleteArticle({ id, etag }, { signal });
  return gone.map(({ id, source: place }) => ({ what: 'pruned', id, place }));
}
