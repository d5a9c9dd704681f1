import type { WordCounts } from './wordCounts.js';

/** Most passages that a search ranks by their words, and so that the rare words of a message may hold together. The function `worded_passages` says the same. */
export const MOST_RANKED = 1000;

/** Any of the words: what a passage is ranked by. As Postgres reads a `tsquery`. */
export const anyOf = (words: readonly string[]): string => words.map(quoted).join(' | ');

/**
 * Which passages are ranked at all: those that hold one of the rare words, or the rarest of the common ones together. Ranking whatever holds
 * any word would read most of a large knowledge base for each message; what holds but one common word is left to the ranking by embedding.
 * @param words lexemes as they stand in the index, each once
 * @returns a `tsquery`; empty for no words
 */
export function candidatesOf(words: readonly string[], { passages, holding }: WordCounts): string {
  const countOf = (word: string): number => holding.get(word) ?? 0;
  const rarestFirst = [...words].sort((a, b) => countOf(a) - countOf(b) || (a < b ? -1 : 1));
  let held = 0;
  const rare = rarestFirst.filter((word) => (held += countOf(word)) <= MOST_RANKED);
  const common = rarestFirst.slice(rare.length);
  let together = passages;
  const enough = common.findIndex((word) => (together *= countOf(word) / passages) <= MOST_RANKED);
  const needed = enough === -1 ? common : common.slice(0, enough + 1);
  return [...rare.map(quoted), ...(needed.length === 0 ? [] : [`( ${needed.map(quoted).join(' & ')} )`])].join(' | ');
}

const quoted = (word: string): string => `'${word.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
