import { NameKind as Name, type NameKind, type NameSpan } from '../../gen/replymesh/inference/v1/inference_service.js';
import { findBankAccounts } from './bankAccounts.js';
import { findCardNumbers } from './cardNumbers.js';
import { findIpAddresses } from './ipAddresses.js';
import { findPhoneNumbers } from './phoneNumbers.js';
import { plainDigits } from './plainDigits.js';
import { findOtherNumbers, findReferences } from './referenceNumbers.js';
import { findSocialNumbers } from './socialNumbers.js';
import { type Span, spanOf } from './span.js';

/** A text without personal data, and what stood where. */
export interface Masked {
  readonly text: string;
  /** `{{EMAIL_1}}` → what it stands for. */
  readonly originals: ReadonlyMap<string, string>;
}

// The parts are bounded, so that no text makes the search slow. What nobody sees (`\p{Cf}`) hides no address.
const EMAIL = /[\p{L}\p{N}\p{Cf}._%+'’/&#*^~!$-]{1,64}@[\p{L}\p{N}\p{Cf}-]{1,63}(?:\.[\p{L}\p{N}\p{Cf}-]{1,63}){1,8}/gu;
const LETTER_OR_DIGIT = /[\p{L}\p{N}]/u;
const PLACEHOLDER = /\{\{[A-Z]+_\d+\}\}/g;

const findEmails = (text: string): Span[] => [...text.matchAll(EMAIL)].map(spanOf);

/** How each kind is found by its form, the surest first. */
const KINDS = [
  ['EMAIL', findEmails],
  ['IBAN', findBankAccounts],
  ['CARD', findCardNumbers],
  ['IP', findIpAddresses],
  ['SSN', findSocialNumbers],
  ['ORDER', findReferences('ORDER')],
  ['INVOICE', findReferences('INVOICE')],
  ['ACCOUNT', findReferences('ACCOUNT')],
  ['REFERENCE', findReferences('REFERENCE')],
  ['PHONE', findPhoneNumbers],
  ['NUMBER', findOtherNumbers],
] as const;

const OF_NAME: Readonly<Record<NameKind, string>> = {
  [Name.UNSPECIFIED]: 'NAME',
  [Name.PERSON]: 'NAME',
  [Name.PLACE]: 'PLACE',
  [Name.ORGANIZATION]: 'ORGANIZATION',
};

interface Finding extends Span {
  readonly kind: string;
}

/**
 * Puts `{{KIND_n}}` in the place of what is personal by its form: e-mail addresses, bank accounts and payment cards with right check digits,
 * IP addresses, social security numbers, numbers of orders, invoices, accounts and other matters, telephone numbers.
 * The same value gets the same placeholder; one that the text already holds is never given. `restore(mask(t).text, mask(t).originals) === t`.
 */
export function mask(text: string): Masked {
  const taken = new Set(text.match(PLACEHOLDER) ?? []);
  return replaced({ text, originals: new Map() }, byForm(text), taken);
}

/** Masks the names that were found in a text that `mask` gave. What is masked already stays. */
export function maskNames(masked: Masked, names: readonly NameSpan[]): Masked {
  if (names.length === 0) return masked;
  const placeholders = [...masked.text.matchAll(PLACEHOLDER)];
  const there = placeholders.map(spanOf);
  const findings = names.flatMap((name) => outside(name, there).map((span) => ({ ...span, kind: OF_NAME[name.kind] })));
  return replaced(masked, findings, new Set(placeholders.map(([placeholder]) => placeholder)));
}

/**
 * What `nameless`, made of `masked` by `maskNames`, hides beside it: a stored record says no more than that.
 * `restore(nameless, unmasked(masked, nameless))` is the whole text, as long as `nameless` was made of it.
 */
export function unmasked(masked: Masked, nameless: string): ReadonlyMap<string, string> {
  const originals = new Map(masked.originals);
  const placeholders = [...nameless.matchAll(PLACEHOLDER)];
  let at = 0;
  placeholders.forEach(({ 0: placeholder, index }, i) => {
    const before = i === 0 ? 0 : placeholders[i - 1]!.index + placeholders[i - 1]![0].length;
    at += index - before;
    if (masked.text.startsWith(placeholder, at)) {
      at += placeholder.length;
      return;
    }
    const known = originals.get(placeholder);
    const next = placeholders[i + 1];
    const between = nameless.slice(index + placeholder.length, next?.index);
    const until = next && masked.text.includes(next[0]) ? between + next[0] : between;
    const end = known !== undefined ? at + known.length : next ? masked.text.indexOf(until, at + 1) : masked.text.length - between.length;
    if (end < at) return;
    originals.set(placeholder, masked.text.slice(at, end));
    at = end;
  });
  return originals;
}

/** What is personal by its form, in order. Of a finding that overlaps a surer one the rest goes too. */
function byForm(text: string): Finding[] {
  const sure: Finding[] = [];
  const plain = plainDigits(text);
  for (const [kind, find] of KINDS) {
    for (const span of find(plain)) {
      for (const part of outside(span, sure)) if (LETTER_OR_DIGIT.test(text.slice(part.start, part.end))) sure.push({ ...part, kind });
    }
  }
  return sure.sort((one, other) => one.start - other.start);
}

/** The parts of a span that no other covers. */
function outside(span: Span, others: readonly Span[]): Span[] {
  const within = others.filter((other) => other.start < span.end && span.start < other.end).sort((one, other) => one.start - other.start);
  const starts = [span.start, ...within.map(({ end }) => end)];
  const ends = [...within.map(({ start }) => start), span.end];
  return starts.map((start, i) => ({ start, end: ends[i]! })).filter(({ start, end }) => start < end);
}

/** The text with a placeholder for each finding. @param taken placeholders that are not to be given */
function replaced({ text, originals: before }: Masked, findings: readonly Finding[], taken: ReadonlySet<string>): Masked {
  const originals = new Map(before);
  const byValue = new Map<string, string>();
  const counts = new Map<string, number>();
  let masked = '';
  let at = 0;
  for (const { kind, start, end } of findings) {
    const value = text.slice(start, end);
    let placeholder = byValue.get(`${kind} ${value}`);
    while (!placeholder) {
      const n = (counts.get(kind) ?? 0) + 1;
      counts.set(kind, n);
      const candidate = `{{${kind}_${n}}}`;
      if (!taken.has(candidate)) placeholder = candidate;
    }
    byValue.set(`${kind} ${value}`, placeholder);
    originals.set(placeholder, value);
    masked += text.slice(at, start) + placeholder;
    at = end;
  }
  return { text: masked + text.slice(at), originals };
}

/** Puts the originals back. */
export const restore = (text: string, originals: ReadonlyMap<string, string>): string =>
  originals.size === 0 ? text : text.replace(PLACEHOLDER, (placeholder) => originals.get(placeholder) ?? placeholder);
