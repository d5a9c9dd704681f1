import { type SQL, sql } from 'drizzle-orm';
import { Audience, type Passage } from '../../gen/replymesh/type/v1/knowledge.js';
import { type Candidate, fuseRanks } from './rankFusion.js';
import { EMBEDDING_DIMENSION } from './schema.js';
import { preparedRowsOf, rowsOf, type Transaction } from './store.js';
import type { WordCounts } from './wordCounts.js';
import { anyOf, candidatesOf } from './wordQuery.js';

export interface PassageSearch {
  readonly text: string;
  /** Unit length; empty for a search by words alone. */
  readonly embedding: readonly number[];
  /** What made the embedding; that of another encoder says nothing next to it. */
  readonly encoderDigest: string;
  readonly audience: Audience;
  readonly limit: number;
  /** Most likely first. */
  readonly intents: readonly string[];
  /** What is stale by then is for agents alone. */
  readonly now: Date;
  readonly wordCounts: WordCounts;
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
  /** Cosine distance, 0 … 2, in the ranking by embedding; null in the one by words. */
  readonly distance: number | null;
}

/** Finds passages, best first: by embedding and by words; `fuseRanks` joins the two. @param vectors whether embeddings are pgvector's */
export async function searchPassages(tx: Transaction, vectors: boolean, search: PassageSearch): Promise<Passage[]> {
  // Without an embedding that can be compared words still find something.
  const comparable = vectors ? search.embedding.length === EMBEDDING_DIMENSION : search.embedding.length > 0;
  const withVectors = comparable && search.encoderDigest !== '';
  const words = await wordsOf(tx, search.text);
  const find = (candidates: string): Promise<Row[]> =>
    rowsOf<Row>(tx, statement(search, words, candidates, withVectors ? distanceFrom(search.embedding, vectors) : undefined));
  const found = await find(candidatesOf(words, search.wordCounts));
  // Common words may never stand together.
  const rows = found.length === 0 && words.length > 1 ? await find(anyOf(words)) : found;
  const nearest = rows.filter((row) => row.distance !== null);
  const worded = rows.filter((row) => row.distance === null);
  return fuseRanks(mergeRankings(nearest, worded), search.intents, withVectors)
    .slice(0, search.limit)
    .map(({ candidate: { row, similarity }, score }) => ({
      id: row.id,
      articleId: row.article_id,
      title: row.title,
      text: row.text,
      score,
      textSha256: row.text_sha256,
      similarity,
    }));
}

interface Ranked extends Candidate {
  readonly row: Row;
  readonly similarity: number | undefined;
}

/** One candidate for each passage of two rankings, both best first. */
function mergeRankings(nearest: readonly Row[], worded: readonly Row[]): Ranked[] {
  const wordRanks = new Map(worded.map((row, i) => [row.id, i + 1]));
  const near = nearest.map((row, i) => candidateOf(row, i + 1, wordRanks.get(row.id)));
  const seen = new Set(nearest.map((row) => row.id));
  return [...near, ...worded.filter((row) => !seen.has(row.id)).map((row) => candidateOf(row, undefined, wordRanks.get(row.id)))];
}

const candidateOf = (row: Row, vectorRank: number | undefined, wordRank: number | undefined): Ranked => ({
  row,
  id: row.id,
  intents: row.intents,
  vectorRank,
  wordRank,
  similarity: row.distance === null ? undefined : 1 - row.distance,
});

/** Cosine distance from a unit vector. It does not depend on length, so that the numbers go as whole ones, which the database reads several times as fast: five decimals are a ten-thousandth of a cosine. */
function distanceFrom(embedding: readonly number[], vectors: boolean): SQL {
  const scaled = sql`${`{${embedding.map((value) => Math.round(value * 1e5)).join(',')}}`}::integer[]`;
  if (vectors) return sql`embedding <=> ${scaled}::vector`;
  return sql`(select 1 - sum(a * b) / nullif(sqrt(sum(a * a) * sum(b * b)), 0) from unnest(embedding::float8[], ${scaled}::float8[]) as pair(a, b))`;
}

/** The words of a message, stemmed as in English and as they stand: passages in other languages hold the latter. */
async function wordsOf(tx: Transaction, text: string): Promise<string[]> {
  const searched = text.slice(0, MAX_QUERY_CHARACTERS).replaceAll('\0', ' ');
  const [row] = await preparedRowsOf<{ words: string[] }>(
    tx,
    sql`select tsvector_to_array(to_tsvector('english', ${searched}) || to_tsvector('simple', ${searched})) as words`,
  );
  return row?.words ?? [];
}

/** Two rankings one after the other, each best first. Plain selects: on the hot path planning costs as much as running. */
function statement(search: PassageSearch, words: readonly string[], candidates: string, distance: SQL | undefined): SQL {
  const depth = Math.max(MIN_CANDIDATES, 2 * search.limit);
  const [forAgents, now] = [search.audience === Audience.AGENT, search.now.toISOString()];
  const readable = forAgents ? sql`true` : sql`audience = ${Audience[Audience.PUBLIC]} and (stale_at is null or stale_at > ${now})`;
  const columns = sql`id, article_id, title, text, text_sha256, intents`;
  // Any of the words may match: a message is no search expression.
  const worded = sql`
    select ${columns}, null::float8 as distance
    from replymesh_search.worded_passages(${candidates}::tsquery, ${anyOf(words)}::tsquery, ${forAgents}, ${now}, ${depth})`;
  if (distance === undefined) return worded;
  return sql`(
    select ${columns}, ${distance} as distance from passages
    where bundle_digest = ${search.encoderDigest} and ${readable} order by distance limit ${depth}) union all ${worded}`;
}
