import { type Span, spanOf, spanOfGroup } from './span.js';

/** US social security numbers in their groups: the Social Security Administration gives no area 000, 666 or 9xx, no group 00 and no serial 0000. */
const IN_GROUPS = /(?<![\p{L}\p{N}-])(?!000|666|9)\d{3}([\p{Pd} .])(?!00)\d{2}\1(?!0000)\d{4}(?![\p{L}\p{N}]|-\d)/gu;
/** The same without groups, where the text says what it is. */
const NAMED = /(?:\bssn|\bsocial security(?: number| no\.?| #)?)\b[^\d\n]{0,20}((?!000|666|9)\d{3}(?!00)\d{2}(?!0000)\d{4})(?!\d)/giu;
/** UK national insurance numbers: two letters with those that HMRC never gives left out, six digits, A to D. */
const NATIONAL_INSURANCE =
  /(?<![\p{L}\p{N}])(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ -]?\d{2}[ -]?\d{2}[ -]?\d{2}[ -]?[A-D](?![\p{L}\p{N}])/giu;

/** Numbers that a state knows a person by, of the United States and the United Kingdom. */
export const findSocialNumbers = (text: string): Span[] => [
  ...[...text.matchAll(IN_GROUPS), ...text.matchAll(NATIONAL_INSURANCE)].map(spanOf),
  ...[...text.matchAll(NAMED)].map(spanOfGroup),
];
