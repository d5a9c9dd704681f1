/** A run of letters, marks and digits, or one other sign. Places are UTF-16 code units of the text. */
export interface Word {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** What stands before it: nothing, white space, or the begin of a line. */
  readonly before: (typeof BEFORE)[number];
}

/** As training counts them (`words.py`): a shape id is a place in both. */
export const BEFORE = ['glued', 'spaced', 'first'] as const;
export const SHAPES = ['none', 'lower', 'title', 'upper', 'initial', 'mixed', 'digits', 'coded', 'uncased', 'sign'] as const;

const WORD = /[\p{L}\p{M}\p{N}]+|[^\s]/gu;
const LINE_END = /[\n\r\u2028\u2029]/;

/** The words of a text, in order. */
export function wordsOf(text: string): Word[] {
  let last = 0;
  return [...text.matchAll(WORD)].map(({ 0: word, index }) => {
    const between = text.slice(last, index);
    const before = index === 0 || last === 0 || LINE_END.test(between) ? 'first' : between === '' ? 'glued' : 'spaced';
    last = index + word.length;
    return { start: index, end: last, text: word, before };
  });
}

/** How a word is written. */
export function shapeOf(word: string): (typeof SHAPES)[number] {
  const letters = word.match(/\p{L}/gu)?.length ?? 0;
  const digits = word.match(/\p{N}/gu)?.length ?? 0;
  if (letters === 0) return digits > 0 ? 'digits' : 'sign';
  if (digits > 0) return 'coded';
  const cased = word.match(/[\p{Lu}\p{Ll}\p{Lt}]/gu) ?? [];
  const upper = cased.filter((letter) => !/\p{Ll}/u.test(letter)).length;
  if (cased.length === 0) return 'uncased';
  if (upper === 0) return 'lower';
  if (cased.length === 1) return 'initial';
  if (upper === cased.length) return 'upper';
  return upper === 1 && !/\p{Ll}/u.test(cased[0]!) ? 'title' : 'mixed';
}

/** What the tagger reads beside each piece of a word: the word's shape, and what stands before it or that the piece goes on with it. 0 stands for special tokens. */
export function shapeIds({ text, before }: Word, pieces: number): number[] {
  const base = 1 + SHAPES.indexOf(shapeOf(text)) * (BEFORE.length + 1);
  return Array.from({ length: pieces }, (_, piece) => base + (piece > 0 ? BEFORE.length : BEFORE.indexOf(before)));
}
