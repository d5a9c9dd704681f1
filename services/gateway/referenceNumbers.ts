import { type Span, spanOf, spanOfGroup } from './span.js';

/** What a number is of, by the word before it. */
const WORDS = {
  ORDER: 'orders?|purchases?',
  INVOICE: 'invoices?|bills?|receipts?',
  ACCOUNT: 'accounts?|acct|a/c|customer|client|member|membership|user|policy|contract|subscription|loan',
  REFERENCE:
    'tracking|parcel|package|shipment|delivery|ticket|case|reference|ref|booking|reservation|confirmation|transaction|transfer|claim|serial|request',
} as const;
export type ReferenceKind = keyof typeof WORDS;

/** Between the word and its number: "order number is #", "account no.:", "ticket ID". */
const BETWEEN = String.raw`(?:[ \t_-]{0,2}(?:numbers?|nos?\.|no|nr\.?|num|ids?|codes?|ref(?:erence)?|is|was|are|being)\b\.?){0,3}[ \t]{0,2}[-:#=(№]{0,2}[ \t]{0,2}#?(?<=[- \t:#=(№])`;
/** Letters, digits and what parts them, at least four digits in all: an amount or a count has fewer, or a sign of money. */
const COUNTED = String.raw`[ \t]?(?:%|€|£|\$|¥|(?:usd|eur|gbp|dollars?|euros?|pounds?|bucks|days?|hours?|times|items)\b)`;
const NUMBER = String.raw`((?=(?:[\p{L}\-/_]{0,8}\d){4})[\p{L}\d](?:[\p{L}\d]|[\-/_](?=[\p{L}\d])){3,39})(?![\p{L}\d@]|[.,:]\d|${COUNTED})`;
/** Another number of the same list: "orders 10482, 10483 and INV-20490". Of five digits and in one piece, so that it is no year, small amount or telephone number. */
const FURTHER = new RegExp(
  String.raw`[ \t]{0,2}(?:,|;|/|&|\+|(?:, ?)?\b(?:and|or)\b)[ \t]{0,2}#?((?:[A-Z]{1,5}-?)?\d{5,20})(?![\p{L}\d@_/-]|[ \t.,:]\d|${COUNTED})`,
  'uy',
);
/** `#` and a number: of whatever it is. */
const HASH = new RegExp(String.raw`(?<![\p{L}\p{N}&#])#[ \t]?${NUMBER}`, 'giu');
/** Capitals, a hyphen and digits: the number of something, whatever it is. */
const CODED = /(?<![\p{L}\p{N}-])[A-Z]{2,5}-\d{4,12}(?![\p{L}\p{N}])/gu;
/** So many digits in a row are nobody's count or amount. */
const LONG = /(?<![\p{L}\d.,$€£#-])\d{8,30}(?![\p{L}\d]|[.,]\d|-\d)/gu;
/** The same in groups: a card or an account with a slip in it, or some other number; longer than any telephone number in use. */
const LONG_IN_GROUPS = /(?<![\p{L}\d.,$€£#-])\d{2,8}(?:[ -]\d{2,8}){2,7}(?![\p{L}\d]|[.,]\d|-\d)/gu;
const LONG_DIGITS = 12;
/** Dates as digits: they say when, not who. */
const DATE =
  /^(?:(?:19|20)\d\d[-/]?(?:0?[1-9]|1[0-2])[-/]?(?:0?[1-9]|[12]\d|3[01])|(?:0?[1-9]|[12]\d|3[01])[-/](?:0?[1-9]|1[0-2])[-/](?:19|20)\d\d|(?:0?[1-9]|1[0-2])[-/](?:0?[1-9]|[12]\d|3[01])[-/](?:19|20)\d\d|(?:19|20)\d\d)$/;

const PATTERNS = Object.entries(WORDS).map(
  ([kind, words]) => [kind as ReferenceKind, new RegExp(String.raw`(?<![\p{L}\p{N}])(?:${words})${BETWEEN}${NUMBER}`, 'giu')] as const,
);

/** Numbers of one kind: those that a word of the kind comes before, or another such number. */
export const findReferences =
  (kind: ReferenceKind) =>
  (text: string): Span[] =>
    PATTERNS.filter(([own]) => own === kind).flatMap(([, pattern]) => withFurther(text, captured(text, pattern)));

function withFurther(text: string, firsts: readonly Span[]): Span[] {
  const all: Span[] = [];
  for (const first of firsts) {
    // It stands in a list that was followed already.
    if (first.start < (all.at(-1)?.end ?? 0)) continue;
    all.push(first);
    FURTHER.lastIndex = first.end;
    // The expression goes on from where it ended.
    for (let next = FURTHER.exec(text); next; next = FURTHER.exec(text)) all.push(spanOfGroup(next));
  }
  return all;
}

/** Numbers that nothing says the kind of: behind a `#`, or too long to be anything else. */
export const findOtherNumbers = (text: string): Span[] => [
  ...captured(text, HASH),
  ...[...text.matchAll(CODED)].map(spanOf),
  ...[...text.matchAll(LONG)].map(spanOf).filter(isNoDate(text)),
  ...[...text.matchAll(LONG_IN_GROUPS)].filter(({ 0: number }) => number.replace(/\D/g, '').length >= LONG_DIGITS).map(spanOf),
];

const captured = (text: string, pattern: RegExp): Span[] => [...text.matchAll(pattern)].map(spanOfGroup).filter(isNoDate(text));

const isNoDate =
  (text: string) =>
  ({ start, end }: Span): boolean =>
    !DATE.test(text.slice(start, end));
