import { NameKind as Name, type NameKind, type NameSpan } from '../../gen/replymesh/inference/v1/inference_service.js';
import { findBankAccounts } from './bankAccounts.js';
import { findCardNumbers } from './cardNumbers.js';
import { findIpAddresses } from './ipAddresses.js';
import { findPhoneNumbers } from './phoneNumbers.js';
import { findOtherNumbers, findReferences } from './referenceNumbers.js';
import { findSocialNumbers } from './socialNumbers.js';
import type { Span } from './span.js';

/** A text without personal data, and what stood where. */
export interface Masked {
  readonly text: string;
  /** `{{EMAIL_1}}` → what it stands for. */
  readonly originals: ReadonlyMap<string, string>;
}

// The parts are bounded, so that no text makes the search slow.
const EMAIL = /[\p{L}\p{N}._%+'-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,8}/gu;
const PLACEHOLDER = /\{\{[A-Z]+_\d+\}\}/g;

const findEmails = (text: string): Span[] => [...text.matchAll(EMAIL)].map((m) => ({ start: m.index, end: m.index + m[0].length }));

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
  [Name.UNRECOGNIZED]: 'NAME',
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
  const findings = names.flatMap(({ kind, start, end }) =>
    apart({ start, end }, placeholders).map((span) => ({ ...span, kind: OF_NAME[kind] })),
  );
  return replaced(masked, findings, new Set(placeholders.map(([placeholder]) => placeholder)));
}

/** What is personal by its form, in order. Findings that overlap become one, of the surer kind, so that no rest of one stays. */
function byForm(text: string): Finding[] {
  const found = KINDS.flatMap(([kind, find], rank) => find(text).map((span) => ({ ...span, kind, rank })));
  const spans: (Finding & { rank: number })[] = [];
  for (const span of found.sort((a, b) => a.start - b.start)) {
    const last = spans.at(-1);
    if (last === undefined || last.end <= span.start) spans.push(span);
    else spans.splice(-1, 1, { ...(last.rank <= span.rank ? last : span), start: last.start, end: Math.max(last.end, span.end) });
  }
  return spans;
}

/** The parts of a span between placeholders, as far as there is a letter or digit in them. */
function apart(span: Span, placeholders: readonly RegExpExecArray[]): Span[] {
  const within = placeholders.filter(({ index, 0: { length } }) => index < span.end && index + length > span.start);
  const starts = [span.start, ...within.map(({ index, 0: { length } }) => index + length)];
  const ends = [...within.map(({ index }) => index), span.end];
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
