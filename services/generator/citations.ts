import type { Citation } from '../../gen/replymesh/type/v1/decision.js';
import type { Passage } from '../../gen/replymesh/type/v1/knowledge.js';

const MARKER = /\s*\[\d{1,3}(?:\s*,\s*\d{1,3})*\]/g;

/** A sentence without the marks `[1]`, `[1, 2]` of a language model. What it names is its own claim; the gate finds what supports it. */
export function withoutMarkers(sentence: string): string {
  const bare = sentence.replace(MARKER, '');
  return bare === sentence ? sentence : bare.replace(/^\s+/, '');
}

/** The passages at these positions as sources, in the order of the passages, each once; positions without a passage name nothing. */
export function citationsOf(positions: ReadonlySet<number>, passages: readonly Passage[]): Citation[] {
  return passages.flatMap((passage, index) =>
    positions.has(index) ? [{ articleId: passage.articleId, passageId: passage.id, title: passage.title }] : [],
  );
}
