import { createHash } from 'node:crypto';
import { type SQL, sql } from 'drizzle-orm';
import { Article, Audience } from '../../gen/replymesh/type/v1/knowledge.js';
import { messageType, violationsOf } from '../../lib/contract.js';
import { requireNone } from '../../lib/validation.js';
import { fail } from '../errors.js';
import { passagesOf } from './passages.js';
import { millis, rowsOf, type Transaction } from './store.js';

/** The fields that make a version. */
export type ArticleContent = Pick<Article, 'title' | 'body' | 'language' | 'audience' | 'intents' | 'staleTime'>;
/** Where an article was imported from: another origin is no other version. */
export type ArticleOrigin = Pick<Article, 'source' | 'sourceSha256'>;

interface Row {
  readonly id: string;
  readonly title: string;
  readonly body: string;
  readonly language: string;
  readonly audience: string;
  readonly intents: string[];
  readonly version: string | number;
  readonly created_at: number;
  readonly updated_at: number;
  readonly source: string;
  readonly source_sha256: string;
  readonly stale_at: number | null;
}

const columns = (body: SQL = sql`body`): SQL => sql`
  id, title, ${body}, language, audience, intents, version, ${millis('created_at')} as created_at, ${millis('updated_at')} as updated_at,
  source, source_sha256, ${millis('stale_at')} as stale_at`;

interface Reading {
  /** Whether the articles stay unchanged until the transaction ends. */
  readonly lock?: boolean;
  /** Whether their bodies are left empty. */
  readonly basic?: boolean;
}

/** Articles by a condition, in the order of their ids. */
export async function readArticles(tx: Transaction, condition: SQL, limit: number, { lock, basic }: Reading = {}): Promise<Article[]> {
  const rows = await rowsOf<Row>(
    tx,
    sql`select ${columns(basic ? sql`'' as body` : undefined)} from articles where ${condition} order by id limit ${limit} ${lock ? sql`for update` : sql``}`,
  );
  return rows.map(articleOf);
}

/** @throws Fault ARTICLE_NOT_FOUND */
export async function readArticle(tx: Transaction, id: string, lock = false): Promise<Article> {
  const [found] = await readArticles(tx, sql`id = ${id}`, 1, { lock });
  return found ?? fail('ARTICLE_NOT_FOUND', { id });
}

const articleOf = (row: Row): Article => ({
  id: row.id,
  title: row.title,
  body: row.body,
  language: row.language,
  audience: Audience[row.audience as keyof typeof Audience],
  intents: row.intents,
  version: Number(row.version),
  createTime: new Date(row.created_at),
  updateTime: new Date(row.updated_at),
  etag: etagOf(row),
  source: row.source,
  sourceSha256: row.source_sha256,
  staleTime: row.stale_at === null ? undefined : new Date(row.stale_at),
});

/** The mark of one version. The time of creation is in it, since an article that is deleted and made again starts at version 1 again. */
const etagOf = ({ id, version, created_at }: Row): string =>
  createHash('sha256')
    .update(JSON.stringify([id, Number(version), created_at]))
    .digest('hex')
    .slice(0, 32);

/** What is stored of what a caller sent: the server's own fields are not the caller's to set, and Postgres' text cannot hold NUL. */
export function contentOf(article: ArticleContent): ArticleContent {
  const clean = (text: string): string => text.replaceAll('\0', '\uFFFD');
  return {
    title: clean(article.title),
    body: clean(article.body),
    language: article.language,
    audience: article.audience === Audience.UNSPECIFIED ? Audience.PUBLIC : article.audience,
    intents: article.intents.map(clean),
    // To the millisecond, as it is stored.
    staleTime: article.staleTime,
  };
}

export const originOf = ({ source, sourceSha256 }: ArticleOrigin): ArticleOrigin => ({ source, sourceSha256 });

export const sameContent = (a: ArticleContent, b: ArticleContent): boolean => JSON.stringify(contentOf(a)) === JSON.stringify(contentOf(b));

/** @throws Fault ARTICLE_CHANGED when the caller read another version */
export function requireVersion(stored: Article, etag: string): void {
  if (etag !== '' && etag !== stored.etag) fail('ARTICLE_CHANGED', { id: stored.id });
}

const schema = messageType('replymesh.type.v1.Article');
/** Checks an article that the contract does not, such as a merged one. @throws Fault FIELD_VIOLATION naming the fields below `at` */
export function requireValid(article: Article, at = 'article'): void {
  const violations = violationsOf(schema, Article.encode(article).finish());
  requireNone(violations.map((v) => ({ ...v, field: v.field === '' ? at : `${at}.${v.field}` })));
}

/** Stores a new article with its passages. Returns undefined, and does nothing, when its id is taken. */
export async function insertArticle(
  tx: Transaction,
  tenant: string,
  id: string,
  content: ArticleContent,
  now: Date,
  origin: ArticleOrigin = { source: '', sourceSha256: '' },
): Promise<Article | undefined> {
  const at = now.toISOString();
  const [row] = await rowsOf<Row>(
    tx,
    sql`
      insert into articles (tenant, id, title, body, language, audience, intents, version, created_at, updated_at, source, source_sha256, stale_at)
      values (${tenant}, ${id}, ${content.title}, ${content.body}, ${content.language}, ${Audience[content.audience]}, ${textArray(content.intents)}, 1, ${at}, ${at},
        ${origin.source}, ${origin.sourceSha256}, ${timeOf(content.staleTime)})
      on conflict (tenant, id) do nothing
      returning ${columns()}`,
  );
  if (!row) return undefined;
  await writePassages(tx, tenant, id, content);
  return articleOf(row);
}

/** Stores the next version of an article that this transaction has locked, with its passages. */
export async function replaceArticle(tx: Transaction, tenant: string, id: string, content: ArticleContent, now: Date): Promise<Article> {
  const [row] = await rowsOf<Row>(
    tx,
    sql`
      update articles set title = ${content.title}, body = ${content.body}, language = ${content.language}, audience = ${Audience[content.audience]},
        intents = ${textArray(content.intents)}, stale_at = ${timeOf(content.staleTime)}, version = version + 1, updated_at = ${now.toISOString()}
      where id = ${id}
      returning ${columns()}`,
  );
  await writePassages(tx, tenant, id, content);
  return row ? articleOf(row) : fail('ARTICLE_NOT_FOUND', { id });
}

/** Notes where an article comes from, which is no new version. */
export const setOrigin = (tx: Transaction, id: string, { source, sourceSha256 }: ArticleOrigin): Promise<unknown> =>
  tx.execute(sql`update articles set source = ${source}, source_sha256 = ${sourceSha256} where id = ${id}`);

const timeOf = (time: Date | undefined): SQL => sql`${time?.toISOString() ?? null}::timestamptz`;

/** One statement. A passage whose words stay the same keeps its embedding. */
async function writePassages(tx: Transaction, tenant: string, articleId: string, content: ArticleContent): Promise<void> {
  const passages = passagesOf({ id: articleId, ...content }).map((p) => ({ id: p.id, title: p.title, text: p.text, sha: p.textSha256 }));
  await tx.execute(sql`
    with input as materialized (select * from jsonb_to_recordset(${JSON.stringify(passages)}::jsonb) as i(id text, title text, text text, sha text)),
    gone as (delete from passages where article_id = ${articleId} and id not in (select id from input))
    insert into passages as old (tenant, id, article_id, title, text, text_sha256, language, audience, intents, stale_at)
    select ${tenant}, id, ${articleId}, title, text, sha, ${content.language}, ${Audience[content.audience]}, ${textArray(content.intents)}, ${timeOf(content.staleTime)} from input
    on conflict (tenant, id) do update set
      title = excluded.title, text = excluded.text, text_sha256 = excluded.text_sha256,
      language = excluded.language, audience = excluded.audience, intents = excluded.intents, stale_at = excluded.stale_at,
      embedding = case when old.title = excluded.title and old.text_sha256 = excluded.text_sha256 then old.embedding end,
      bundle_digest = case when old.title = excluded.title and old.text_sha256 = excluded.text_sha256 then old.bundle_digest end`);
}

/** A list as one parameter: drivers differ in how they write arrays. */
const textArray = (values: readonly string[]): SQL => sql`array(select jsonb_array_elements_text(${JSON.stringify(values)}::jsonb))`;
