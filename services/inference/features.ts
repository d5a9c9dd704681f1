import { textFeatures, wordsOf } from '../../lib/textFeatures.js';

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
const SPACE = 0x20;
const WORD_GRAM = 0x77;
const CHARACTER_GRAM = 0x63;
const CHARACTER_GRAMS = [2, 3, 4];
const encoder = new TextEncoder();

/** All features of one text. */
export function featuresOf(text: string): TextFeatures {
  const bytes = encoder.encode(text);
  const words = wordsOf(bytes);
  const counts = ngramCounts(words);
  return { ngrams: Int32Array.from(counts.keys()), ngramCounts: Float32Array.from(counts.values()), values: textFeatures(bytes, words) };
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
