import { LRUCache } from 'lru-cache';
import type { NameSpan } from '../../gen/replymesh/inference/v1/inference_service.js';
import { NameKind } from '../../gen/replymesh/inference/v1/inference_service.js';
import type { NameTagger } from '../../gen/replymesh/type/v1/bundle.js';
import type { Tokenize } from './tokenizer.js';
import { shapeIds, type Word, wordsOf } from './words.js';

/** A part of a text as the tagger of names reads it. */
export interface NamePart {
  /** Token ids with the special ones. */
  readonly ids: Int32Array;
  /** What is read beside each token. */
  readonly shapes: Int32Array;
  /** Place of each word's first token, and which word it is. */
  readonly firsts: readonly { readonly token: number; readonly word: number }[];
}

/** A text, read whole: its words, and the parts that the tagger reads one by one. */
export interface NameText {
  readonly words: readonly Word[];
  readonly parts: readonly NamePart[];
}

/** Pieces of one word that are read; a name has fewer. The same in training (`words.py`). */
const MOST_PIECES = 12;
/** Words before a part that it reads again, so that none stands without what comes before it. */
const OVERLAP_WORDS = 8;
/** Words whose pieces are kept, so that the common ones are cut once. */
const KEPT_WORDS = 20_000;

export type ReadNames = (text: string) => NameText;

/** Reads texts for the tagger of names, in parts of at most `maxTokens`. Never throws. */
export function nameReader(tokenize: Tokenize, maxTokens: number): ReadNames {
  const kept = new LRUCache<string, readonly number[]>({ max: KEPT_WORDS });
  const [first, last] = tokenize('').ids as unknown as [number, number];
  const cut = (word: string): readonly number[] => {
    const known = kept.get(word);
    if (known) return known;
    const pieces = Array.from(tokenize(word).ids.subarray(1, -1)).slice(0, MOST_PIECES);
    kept.set(word, pieces);
    return pieces;
  };

  return (text) => {
    const words = wordsOf(text);
    const pieces = words.map(({ text: word }) => cut(word));
    const parts: NamePart[] = [];
    for (let begin = 0; begin < words.length; ) {
      const from = parts.length === 0 ? begin : Math.max(0, begin - OVERLAP_WORDS);
      let end = from;
      for (let tokens = 2; end < words.length && tokens + pieces[end]!.length <= maxTokens; end += 1) tokens += pieces[end]!.length;
      parts.push(partOf(words, pieces, { from, begin, end }));
      begin = end;
    }
    return { words, parts };
  };

  /** The words from `from` to `end`; what is before `begin` is there for those behind it alone. */
  function partOf(
    words: readonly Word[],
    pieces: readonly (readonly number[])[],
    { from, begin, end }: { from: number; begin: number; end: number },
  ): NamePart {
    const ids = [first];
    const shapes = [0];
    const firsts: { token: number; word: number }[] = [];
    for (let word = from; word < end; word += 1) {
      if (word >= begin && pieces[word]!.length > 0) firsts.push({ token: ids.length, word });
      ids.push(...pieces[word]!);
      shapes.push(...shapeIds(words[word]!, pieces[word]!.length));
    }
    return { ids: Int32Array.of(...ids, last), shapes: Int32Array.of(...shapes, 0), firsts };
  }
}

const KINDS: Readonly<Record<string, NameKind>> = {
  PERSON: NameKind.PERSON,
  PLACE: NameKind.PLACE,
  ORGANIZATION: NameKind.ORGANIZATION,
};

/** The names of a text: words of one kind that stand next to each other are one. @param classes of each part's tokens, 0 for no name */
export function nameSpans({ words, parts }: NameText, classes: readonly Uint8Array[], kinds: NameTagger['kinds']): NameSpan[] {
  const spans: NameSpan[] = [];
  let lastWord = -2;
  parts.forEach(({ firsts }, part) => {
    for (const { token, word } of firsts) {
      const found = classes[part]![token]!;
      if (found === 0) continue;
      const kind = KINDS[kinds[found - 1]!]!;
      const { start, end } = words[word]!;
      const last = spans.at(-1);
      if (last?.kind === kind && lastWord === word - 1) last.end = end;
      else spans.push({ kind, start, end });
      lastWord = word;
    }
  });
  return spans;
}
