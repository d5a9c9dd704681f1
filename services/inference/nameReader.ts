import { LRUCache } from 'lru-cache';
import type { NameSpan } from '../../gen/replymesh/inference/v1/inference_service.js';
import { NameKind } from '../../gen/replymesh/inference/v1/inference_service.js';
import type { NameTagger } from '../../gen/replymesh/type/v1/bundle.js';
import type { Tokenize } from './tokenizer.js';
import { shapeIds, shapeOf, type Word, wordsOf } from './words.js';

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
/** Words beside those that matter that are read too: a name is told by what stands around it. */
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
    // Each word has to fit beside the special tokens.
    const pieces = Array.from(tokenize(word).ids.subarray(1, -1)).slice(0, Math.min(MOST_PIECES, maxTokens - 2));
    kept.set(word, pieces);
    return pieces;
  };

  return (text) => {
    const words = wordsOf(text);
    const mayName = wordsThatMayName(text, words);
    if (!mayName.includes(true)) return { words, parts: [] };
    const pieces = words.map(({ text: word }) => cut(word));
    // A text that fits is read whole, as the models read it.
    const fits = pieces.reduce((sum, { length }) => sum + length, 2) <= maxTokens;
    const runs = fits ? [{ begin: 0, end: words.length }] : runsAround(mayName);
    return { words, parts: runs.flatMap((run) => partsOf(words, pieces, run)) };
  };

  function partsOf(words: readonly Word[], pieces: readonly (readonly number[])[], run: { begin: number; end: number }): NamePart[] {
    const parts: NamePart[] = [];
    for (let begin = run.begin; begin < run.end; ) {
      const from = parts.length === 0 ? begin : overlapping(pieces, run.begin, begin);
      let end = from;
      for (let tokens = 2; end < run.end && tokens + pieces[end]!.length <= maxTokens; end += 1) tokens += pieces[end]!.length;
      parts.push(partOf(words, pieces, { from, begin, end }));
      begin = end;
    }
    return parts;
  }

  /** Where a part begins that goes on at `begin`: so far before it that there is room for more than what was read already. */
  function overlapping(pieces: readonly (readonly number[])[], least: number, begin: number): number {
    let from = begin;
    let tokens = 2 + pieces[begin]!.length;
    while (from > Math.max(least, begin - OVERLAP_WORDS) && tokens + pieces[from - 1]!.length <= maxTokens) {
      from -= 1;
      tokens += pieces[from]!.length;
    }
    return from;
  }

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

/** Something masked, which names nobody any more. */
const PLACEHOLDER = /\{\{[A-Z]+_\d+\}\}/g;

/** Whether each word may be part of a name: it has a letter, and is not part of something masked. */
function wordsThatMayName(text: string, words: readonly Word[]): boolean[] {
  const masked = [...text.matchAll(PLACEHOLDER)].values();
  let next = masked.next().value;
  return words.map(({ start, text: word }) => {
    while (next && next.index + next[0].length <= start) next = masked.next().value;
    return !(next && next.index <= start) && /\p{L}/u.test(word);
  });
}

/** What of a long text is worth reading: the words that may name somebody, with some on both sides. */
function runsAround(mayName: readonly boolean[]): { begin: number; end: number }[] {
  const runs: { begin: number; end: number }[] = [];
  mayName.forEach((may, word) => {
    if (!may) return;
    const begin = Math.max(0, word - OVERLAP_WORDS);
    const end = Math.min(mayName.length, word + OVERLAP_WORDS + 1);
    const last = runs.at(-1);
    if (last && last.end >= begin) last.end = end;
    else runs.push({ begin, end });
  });
  return runs;
}

const KINDS: Readonly<Record<string, NameKind>> = {
  PERSON: NameKind.PERSON,
  PLACE: NameKind.PLACE,
  ORGANIZATION: NameKind.ORGANIZATION,
};

/**
 * The names of a text: words of one kind that stand next to each other are one, without signs at its ends, which name nothing.
 * @param classes of each part's tokens, 0 for no name
 */
export function nameSpans({ words, parts }: NameText, classes: readonly Uint8Array[], kinds: NameTagger['kinds']): NameSpan[] {
  const runs: { kind: NameKind; words: Word[] }[] = [];
  let lastWord = -2;
  parts.forEach(({ firsts }, part) => {
    for (const { token, word } of firsts) {
      const found = classes[part]![token]!;
      if (found === 0) continue;
      const kind = KINDS[kinds[found - 1]!]!;
      const last = runs.at(-1);
      if (last?.kind === kind && lastWord === word - 1) last.words.push(words[word]!);
      else runs.push({ kind, words: [words[word]!] });
      lastWord = word;
    }
  });
  return runs.flatMap(({ kind, words: run }) => {
    const first = run.find(namesSomething);
    const last = run.findLast(namesSomething);
    return first && last ? [{ kind, start: first.start, end: last.end }] : [];
  });
}

const namesSomething = ({ text }: Word): boolean => shapeOf(text) !== 'sign';
