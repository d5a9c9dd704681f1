import type { Citation } from '../../gen/replymesh/type/v1/decision.js';
import type { Passage } from '../../gen/replymesh/type/v1/knowledge.js';

const MARKER = /\s*\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]/g;

/** Takes the marks `[1]`, `[1, 2]` out of a sentence. @returns the text without them, and the positions, from 0, that they name. */
export function takeMarkers(sentence: string): { text: string; cited: number[] } {
  const cited = [...sentence.matchAll(MARKER)].flatMap(([, numbers = '']) => numbers.split(',').map((number) => Number(number) - 1));
  return { text: cited.length === 0 ? sentence : sentence.replace(MARKER, '').replace(/^\s+/, ''), cited };
}

/** The passages at these positions as sources, in the order of the passages, each once; positions without a passage name nothing. */
export function citationsOf(positions: ReadonlySet<number>, passages: readonly Passage[]): Citation[] {
  return passages.flatMap((passage, index) =>
    positions.has(index) ? [{ articleId: passage.articleId, passageId: passage.id, title: passage.title }] : [],
  );
}
