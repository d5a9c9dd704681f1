import { findPhoneNumbersInText } from 'libphonenumber-js/max';
import type { Span } from './span.js';

/** Digits with what stands between those of one number, and an extension. Commas and semicolons part numbers. */
const RUN = /[+(]{0,2}\p{Nd}[\p{Nd}\p{Zs}\p{Pd}\t()./~+]{5,}(?<=\p{Nd})(?:[ ,;]{0,2}(?:ext|x|#)[ .:]{0,2}\p{Nd}{1,6})?/giu;
const DIGIT = /\p{Nd}/gu;
/** A number has at least so many digits. */
const FEWEST_DIGITS = 7;
/** Characters of such runs that the library looks through: it takes some 20 µs for each, and nothing else runs meanwhile. */
const SEARCHED_CHARS = 1000;
/** What may be a number of those runs beyond: telling takes too long, so that all of it goes. E.164 has 15 digits at most. */
const ANY_NUMBER = /(?<!\p{Nd})[+(]{0,2}\p{Nd}(?:[\p{Zs}\p{Pd}\t()./~]{0,3}\p{Nd}){6,14}(?!\p{Nd})/gu;

/** Telephone numbers, in the United States without their country code. Fast on any text. */
export function findPhoneNumbers(text: string): Span[] {
  let left = SEARCHED_CHARS;
  return [...text.matchAll(RUN)].flatMap(({ 0: run, index }) => {
    if ((run.match(DIGIT)?.length ?? 0) < FEWEST_DIGITS) return [];
    left -= run.length;
    return left >= 0 ? numbersIn(text, index, run.length) : numberLike(run, index);
  });
}

/** The library sees the characters on both sides too: a number within a word is none. */
function numbersIn(text: string, index: number, length: number): Span[] {
  const from = Math.max(0, index - 1);
  const found = findPhoneNumbersInText(text.slice(from, index + length + 1), { defaultCountry: 'US' });
  return found.map(({ startsAt, endsAt }) => ({ start: from + startsAt, end: from + endsAt }));
}

const numberLike = (run: string, index: number): Span[] =>
  [...run.matchAll(ANY_NUMBER)].map((match) => ({ start: index + match.index, end: index + match.index + match[0].length }));
