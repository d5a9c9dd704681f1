import { findPhoneNumbersInText } from 'libphonenumber-js/max';
import { type Span, spanOf } from './span.js';

/** Digits with what stands between those of one number, and an extension. Commas and semicolons part numbers. */
const RUN = /[+(]{0,2}\p{Nd}[\p{Nd}\p{Zs}\p{Pd}\t()./~+]{5,}(?<=\p{Nd})(?:[ ,;]{0,2}(?:ext|x|#)[ .:]{0,2}\p{Nd}{1,6})?/giu;
const DIGIT = /\p{Nd}/gu;
/** A number has at least so many digits. */
const FEWEST_DIGITS = 7;
/** And at most so many (ITU-T E.164). */
const MOST_DIGITS = 15;
/** Characters of such runs that the library looks through: it takes some 20 µs for each, and nothing else runs meanwhile. */
const SEARCHED_CHARS = 1000;
/** What may be a number of those runs beyond: telling takes too long, so that all of it goes. E.164 has 15 digits at most. */
const ANY_NUMBER = /(?<!\p{Nd})[+(]{0,2}\p{Nd}(?:[\p{Zs}\p{Pd}\t()./~]{0,3}\p{Nd}){6,14}(?!\p{Nd})/gu;
/** Digits in groups, as numbers are written in countries whose plans nobody named: "60-56-85-91", "(99) 645-791", "0490 75 40 81". */
const IN_GROUPS = /(?<![\p{L}\p{N}$€£#/.,-])\+?(?:\(\d{1,5}\)|\d{1,6})(?:[ .-]{1,2}\d{2,8}){1,6}(?![\p{L}\p{N}/:]|[.,-]\d|[ ]?[%$€£])/gu;
const DATE =
  /\b(?:19|20)\d\d[-./ ]\d{1,2}[-./ ]\d{1,2}\b|\b\d{1,2}[-./ ]\d{1,2}[-./ ](?:19|20)\d\d\b|\b(?:19|20)\d\d ?[-–] ?(?:19|20)\d\d\b/;
/** An amount with its thousands parted, or a number of which the text says that it is one to call. */
const THOUSANDS = /^\d{1,3}(?:[ .]\d{3})+$/;
const CALLED = /\b(?:phone|tel|telephone|mobile|cell|fax|call|text|whatsapp)\b[^\d\n]{0,20}$/i;
const SEEN_BEFORE = 30;

/** Telephone numbers: those that the plan of the United States or of the country code knows, and what is written like one. Fast on any text. */
export function findPhoneNumbers(text: string): Span[] {
  let left = SEARCHED_CHARS;
  const known = [...text.matchAll(RUN)].flatMap(({ 0: run, index }) => {
    if ((run.match(DIGIT)?.length ?? 0) < FEWEST_DIGITS) return [];
    left -= run.length;
    return left >= 0 ? numbersIn(text, index, run.length) : numberLike(run, index);
  });
  return [...known, ...inGroups(text)];
}

/** The library sees the characters on both sides too: a number within a word is none. */
function numbersIn(text: string, index: number, length: number): Span[] {
  const from = Math.max(0, index - 1);
  const found = findPhoneNumbersInText(text.slice(from, index + length + 1), { defaultCountry: 'US' });
  return found.map(({ startsAt, endsAt }) => ({ start: from + startsAt, end: from + endsAt }));
}

const numberLike = (run: string, index: number): Span[] =>
  [...run.matchAll(ANY_NUMBER)].map((match) => ({ start: index + match.index, end: index + match.index + match[0].length }));

const inGroups = (text: string): Span[] =>
  [...text.matchAll(IN_GROUPS)]
    .filter(({ 0: number, index }) => {
      const digits = number.match(DIGIT)!.length;
      if (digits < FEWEST_DIGITS || digits > MOST_DIGITS || DATE.test(number)) return false;
      return !THOUSANDS.test(number) || CALLED.test(text.slice(Math.max(0, index - SEEN_BEFORE), index));
    })
    .map(spanOf);
