import { type SQL, sql } from 'drizzle-orm';
import { Audience, type Passage } from '../../gen/replymesh/type/v1/knowledge.js';
import { fuseRanks } from './rankFusion.js';
import { EMBEDDING_DIMENSION } from './schema.js';
import { rowsOf, type Transaction } from './store.js';

export interface PassageSearch {
  readonly text: string;
  /** Unit length; empty for a search by words alone. */
  readonly embedding: readonly number[];
  readonly audience: Audience;
  readonly limit: number;
  /** Most likely first. */
  readonly intents: readonly string[];
}

/** Each ranking gives at least so many: what one ranks low and the other high shall still be found. */
const MIN_CANDIDATES = 10;
/** Words beyond these only cost time: a message's matter is in its beginning. */
const MAX_QUERY_CHARACTERS = 2000;

interface Row {
  readonly id: string;
  readonly article_id: string;
  readonly title: string;
  readonly text: string;
  readonly text_sha256: string;
  readonly intents: string[];
  readonly similarity: number | null;
  readonly vector_rank: number | null;
  readonly word_rank: number | null;
}

/** Finds passages, best first: one statement ranks by embedding and by words, `fuseRanks` joins the two. @param vectors whether embeddings are pgvector's */
export async function searchPassages(tx: Transaction, vectors: boolean, search: PassageSearch): Promise<Passage[]> {
  // An embedding of another dimension is another bundle's: words still find something.
  const withVectors = vectors ? search.embedding.length === EMBEDDING_DIMENSION : search.embedding.length > 0;
  const rows = await rowsOf<Row>(tx, statement(search, withVectors ? similarityTo(search.embedding, vectors) : undefined));
  const candidates = rows.map((row) => ({ ...row, vectorRank: rank(row.vector_rank), wordRank: rank(row.word_rank) }));
  return fuseRanks(candidates, search.intents, withVectors)
    .slice(0, search.limit)
    .map(({ candidate, score }) => ({
      id: candidate.id,
      articleId: candidate.article_id,
      title: candidate.title,
      text: candidate.text,
      score,
      textSha256: candidate.text_sha256,
      similarity: candidate.similarity ?? undefined,
    }));
}

/** Window functions count in bigint, which node-postgres gives as text. */
const rank = (value: number | string | null): number | undefined => (value === null ? undefined : Number(value));

/** Cosine similarity and the order that finds the nearest. Five decimals of a unit vector are a ten-thousandth of a cosine, and parse twice as fast as nine. */
function similarityTo(embedding: readonly number[], vectors: boolean): { similarity: SQL; order: SQL } {
  const digits = embedding.map((value) => value.toFixed(5)).join(',');
  if (vectors) return { similarity: sql`1 - (embedding <=> ${`[${digits}]`}::vector)`, order: sql`embedding <=> ${`[${digits}]`}::vector` };
  const similarity = sql`(
    select sum(a * b) / nullif(sqrt(sum(a * a) * sum(b * b)), 0) from unnest(embedding, ${`{${digits}}`}::real[]::float8[]) as pair(a, b))`;
  return { similarity, order: sql`2 desc nulls last` };
}

function statement(search: PassageSearch, vector: { similarity: SQL; order: SQL } | undefined): SQL {
  const depth = Math.max(MIN_CANDIDATES, 2 * search.limit);
  const readable = search.audience === Audience.AGENT ? sql`true` : sql`audience = ${Audience[Audience.PUBLIC]}`;
  const text = search.text.slice(0, MAX_QUERY_CHARACTERS).replaceAll('\0', ' ');
  // Any of the words may match (a message is no search expression), stemmed as in English and as they stand: passages in other languages hold the latter.
  const asked = sql`
    select replace(plainto_tsquery('english', ${text})::text, ' & ', ' | ')::tsquery || replace(plainto_tsquery('simple', ${text})::text, ' & ', ' | ')::tsquery as words`;
  const nearest = vector
    ? sql`select id, ${vector.similarity} as similarity from passages where embedding is not null and ${readable} order by ${vector.order} limit ${depth}`
    : sql`select null::text as id, null::float8 as similarity where false`;
  return sql`
    with asked as materialized (${asked}),
    nearest as materialized (select id, similarity, row_number() over (order by similarity desc, id) as rank from (${nearest}) n),
    worded as materialized (
      select id, row_number() over (order by weight desc, id) as rank from (
        select id, ts_rank(passages.words, asked.words) as weight from passages, asked
        where passages.words @@ asked.words and ${readable} order by weight desc, id limit ${depth}) w)
    select p.id, p.article_id, p.title, p.text, p.text_sha256, p.intents,
           nearest.similarity, nearest.rank as vector_rank, worded.rank as word_rank
    from nearest full join worded using (id) join passages p using (id)`;
}
