/** Features of a text beside its tokens, number for number as `docs/reference/features.md` says and training computes them. */
export interface TextFeatures {
  /** Buckets of its n-grams, in the order of first sight. */
  readonly ngrams: Int32Array;
  /** How often each was seen. */
  readonly ngramCounts: Float32Array;
  /** In the order of `TEXT_FEATURES`, each from 0 to 1. */
  readonly values: Float32Array;
}

/** Buckets that n-grams are hashed into. */
export const NGRAM_BUCKETS = 8192;
export const TEXT_FEATURES = [
  'length',
  'words',
  'question_marks',
  'exclamation_marks',
  'capitals',
  'digits',
  'masks',
  'word_length',
  'negations',
  'asks',
] as const;

const MAX_WORDS = 256;
const SPACE = 0x20;
const WORD_GRAM = 0x77;
const CHARACTER_GRAM = 0x63;
const CHARACTER_GRAMS = [2, 3, 4];
const NEGATIONS = new Set('not no never cannot cant dont didnt doesnt isnt wasnt wont t'.split(' '));
const QUESTION_WORDS = new Set('what where when why who which how can could do does is are'.split(' '));

const encoder = new TextEncoder();

/** All features of one text. */
export function featuresOf(text: string): TextFeatures {
  const bytes = encoder.encode(text);
  const words = wordsOf(bytes);
  const counts = ngramCounts(words);
  return { ngrams: Int32Array.from(counts.keys()), ngramCounts: Float32Array.from(counts.values()), values: textFeatures(bytes, words) };
}

const isCapital = (byte: number): boolean => byte >= 0x41 && byte <= 0x5a;
const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;
const lowered = (byte: number): number => (isCapital(byte) ? byte + 0x20 : byte);
const inWord = (byte: number): boolean => (byte >= 0x61 && byte <= 0x7a) || isDigit(byte) || byte === 0x5f || byte >= 0x80;

/** The first words: runs of ASCII letters in lower case, digits, underscores and bytes above 127. */
function wordsOf(bytes: Uint8Array): Uint8Array[] {
  const lower = bytes.map(lowered);
  const words: Uint8Array[] = [];
  let start = -1;
  for (let at = 0; at <= lower.length && words.length < MAX_WORDS; at++) {
    const inside = at < lower.length && inWord(lower[at]!);
    if (inside && start < 0) start = at;
    if (!inside && start >= 0) {
      words.push(lower.subarray(start, at));
      start = -1;
    }
  }
  return words;
}

/** 32-bit FNV-1a of more bytes, from the state that the bytes before left. Source: Fowler, Noll and Vo 1991. */
function hashed(state: number, bytes: Uint8Array, from = 0, to = bytes.length): number {
  let value = state;
  for (let at = from; at < to; at++) value = Math.imul(value ^ bytes[at]!, 0x01000193);
  return value;
}
const hashedByte = (state: number, byte: number): number => Math.imul(state ^ byte, 0x01000193);
const START = 0x811c9dc5 | 0;
const OF_WORDS = hashedByte(START, WORD_GRAM);
const OF_CHARACTERS = hashedByte(START, CHARACTER_GRAM);

/** Bucket → how often: words, then pairs of words, then the 2 to 4 bytes long pieces of each word with a space around it. */
function ngramCounts(words: readonly Uint8Array[]): Map<number, number> {
  const counts = new Map<number, number>();
  const add = (hash: number): void => {
    const bucket = (hash >>> 0) % NGRAM_BUCKETS;
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
  };
  const alone = words.map((word) => hashed(OF_WORDS, word));
  alone.forEach(add);
  for (let i = 1; i < words.length; i++) add(hashed(hashedByte(alone[i - 1]!, SPACE), words[i]!));
  for (const word of words) {
    const spaced = new Uint8Array(word.length + 2).fill(SPACE);
    spaced.set(word, 1);
    for (const size of CHARACTER_GRAMS) {
      for (let at = 0; at + size <= spaced.length; at++) add(hashed(OF_CHARACTERS, spaced, at, at + size));
    }
  }
  return counts;
}

function textFeatures(bytes: Uint8Array, words: readonly Uint8Array[]): Float32Array {
  const count = (test: (byte: number) => boolean): number => bytes.reduce((n, byte) => (test(byte) ? n + 1 : n), 0);
  const size = Math.max(1, bytes.length);
  const named = words.map((word) => Buffer.from(word).toString('latin1'));
  return Float32Array.of(
    capped(bytes.length, 400),
    capped(words.length, 64),
    capped(
      count((byte) => byte === 0x3f),
      4,
    ),
    capped(
      count((byte) => byte === 0x21),
      4,
    ),
    count(isCapital) / size,
    count(isDigit) / size,
    capped(masksIn(bytes), 4),
    capped(words.reduce((sum, word) => sum + word.length, 0) / Math.max(1, words.length), 16),
    capped(named.filter((word) => NEGATIONS.has(word)).length, 4),
    named.length > 0 && QUESTION_WORDS.has(named[0]!) ? 1 : 0,
  );
}

const capped = (value: number, most: number): number => Math.min(value, most) / most;

/** Masked personal data: how often `{{` is there, no byte counted twice. */
function masksIn(bytes: Uint8Array): number {
  let found = 0;
  for (let at = 0; at + 1 < bytes.length; at++) {
    if (bytes[at] !== 0x7b || bytes[at + 1] !== 0x7b) continue;
    found++;
    at++;
  }
  return found;
}
