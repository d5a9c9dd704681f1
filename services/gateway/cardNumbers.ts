import type { Span } from './span.js';

/** Digits of one or more numbers, with what people put between them. */
const RUN = /\d(?:[\s./_|:·•\p{Pd}]{0,3}\d){12,}/gu;
const SHORTEST = 13;
const LONGEST = 19;
/** First digits and lengths of the networks in use. Source: ISO/IEC 7812 and the networks' own ranges. */
const NETWORKS: readonly (readonly [RegExp, readonly number[]])[] = [
  [/^4/, [13, 16, 19]], // Visa
  [/^(5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, [16]], // Mastercard
  [/^3[47]/, [15]], // American Express
  [/^3(0[0-5]|[689])/, [14, 16, 19]], // Diners Club
  [/^(6|35|50|5[6-9]|220[0-4]|8[12]|9792)/, [13, 14, 15, 16, 17, 18, 19]], // Discover, JCB, UnionPay, Maestro, RuPay, Mir, Troy
];

/** Check digit of payment cards (ISO/IEC 7812-1, Luhn). */
export function hasLuhnDigit(number: string): boolean {
  const digits = number.replace(/\D/g, '');
  let sum = 0;
  for (let i = digits.length - 1, double = false; i >= 0; i -= 1, double = !double) {
    const value = Number(digits[i]) * (double ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  }
  return digits.length >= SHORTEST && digits.length <= LONGEST && sum % 10 === 0;
}

const isOfNetwork = (digits: string): boolean => NETWORKS.some(([first, lengths]) => lengths.includes(digits.length) && first.test(digits));

/**
 * Payment cards by their check digit, however they are written: in groups or not, within a word, several in a row. A card begins and
 * ends where a group of digits does. Only where more digits stand together than a card has is it looked for at every place, and then
 * it must be a known network's: one in ten numbers has a right check digit.
 */
export const findCardNumbers = (text: string): Span[] =>
  [...text.matchAll(RUN)].flatMap(({ 0: run, index }) => {
    const digits = digitsOf(run);
    return covering(cardsIn(run, digits)).map(({ start, end }) => ({
      start: index + digits[start]!.at,
      end: index + digits[end - 1]!.at + 1,
    }));
  });

interface Digit {
  readonly at: number;
  /** Whether a group begins with it. */
  readonly first: boolean;
  /** Whether its group is longer than a card. */
  readonly crowded: boolean;
}
const digitsOf = (run: string): Digit[] =>
  [...run.matchAll(/\d+/g)].flatMap(({ 0: group, index }) =>
    Array.from(group, (_, i) => ({ at: index + i, first: i === 0, crowded: group.length > LONGEST })),
  );

/** What may be cards, as positions in `digits`, the surest first: those of a network, then the others. */
function cardsIn(run: string, digits: readonly Digit[]): Span[] {
  const figures = digits.map(({ at }) => run[at]).join('');
  const isEdge = (i: number): boolean => digits[i]?.first ?? true;
  const sure: Span[] = [];
  const likely: Span[] = [];
  for (let start = 0; start < digits.length; start += 1) {
    if (!isEdge(start) && !digits[start]!.crowded) continue;
    for (let end = start + SHORTEST; end <= Math.min(digits.length, start + LONGEST); end += 1) {
      if (!isEdge(end) && !digits[end]!.crowded) continue;
      const number = figures.slice(start, end);
      if (!hasLuhnDigit(number)) continue;
      if (isOfNetwork(number)) sure.push({ start, end });
      else if (isEdge(start) && isEdge(end) && isEvenlyParted(run.slice(digits[start]!.at, digits[end - 1]!.at)))
        likely.push({ start, end });
    }
  }
  return [...sure, ...likely];
}

/** Whether the same stands between all groups. A date, an amount and an order number in a row are parted differently. */
const isEvenlyParted = (number: string): boolean => new Set(number.match(/\D+/g)).size <= 1;

/** The least that covers all of them: what overlaps becomes one, and one that is covered already adds nothing. */
function covering(spans: readonly Span[]): Span[] {
  let kept: Span[] = [];
  for (const span of spans) {
    const touched = kept.filter((one) => one.start < span.end && span.start < one.end);
    if (touched.reduce((sum, one) => sum + Math.min(one.end, span.end) - Math.max(one.start, span.start), 0) === span.end - span.start)
      continue;
    const start = Math.min(span.start, ...touched.map((one) => one.start));
    const end = Math.max(span.end, ...touched.map((one) => one.end));
    kept = [...kept.filter((one) => !touched.includes(one)), { start, end }];
  }
  return kept;
}
