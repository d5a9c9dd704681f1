/** Features of a text that are not its tokens, number for number as `docs/reference/features.md` says and training computes them. */
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
const NEGATIONS = new Set('not no never cannot cant dont didnt doesnt isnt wasnt wont t'.split(' '));
const QUESTION_WORDS = new Set('what where when why who which how can could do does is are'.split(' '));

const isCapital = (byte: number): boolean => byte >= 0x41 && byte <= 0x5a;
const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;
const lowered = (byte: number): number => (isCapital(byte) ? byte + 0x20 : byte);
const inWord = (byte: number): boolean => (byte >= 0x61 && byte <= 0x7a) || isDigit(byte) || byte === 0x5f || byte >= 0x80;

/** The first words: runs of ASCII letters in lower case, digits, underscores and bytes above 127. */
export function wordsOf(bytes: Uint8Array): Uint8Array[] {
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

/** In the order of `TEXT_FEATURES`, each from 0 to 1. @param bytes the text in UTF-8 @param words what `wordsOf` finds in it */
export function textFeatures(bytes: Uint8Array, words: readonly Uint8Array[]): Float32Array {
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
