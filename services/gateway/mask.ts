import { findBankAccounts } from './bankAccounts.js';
import { findCardNumbers } from './cardNumbers.js';
import { findPhoneNumbers } from './phoneNumbers.js';
import type { Span } from './span.js';

/** A text without structured personal data, and what stood where. */
export interface Masked {
  readonly text: string;
  /** `{{EMAIL_1}}` → what it stands for. */
  readonly originals: ReadonlyMap<string, string>;
}

// The parts are bounded, so that no text makes the search slow.
const EMAIL = /[\p{L}\p{N}._%+'-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,8}/gu;
const IPV4 = /(?<![\d.])(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}(?![\d.]*\d)/g;
const PLACEHOLDER = /\{\{[A-Z]+_\d+\}\}/g;

const matching =
  (pattern: RegExp) =>
  (text: string): Span[] =>
    [...text.matchAll(pattern)].map((m) => ({ start: m.index, end: m.index + m[0].length }));

/** How each kind is found, the surest first. */
const KINDS = [
  ['EMAIL', matching(EMAIL)],
  ['IBAN', findBankAccounts],
  ['CARD', findCardNumbers],
  ['IP', matching(IPV4)],
  ['PHONE', findPhoneNumbers],
] as const;

interface Finding extends Span {
  readonly kind: string;
}

/** Everything personal, in order. Findings that overlap become one, of the surer kind, so that no rest of one stays. */
function personalSpans(text: string): Finding[] {
  const found = KINDS.flatMap(([kind, find], rank) => find(text).map((span) => ({ ...span, kind, rank })));
  const spans: (Finding & { rank: number })[] = [];
  for (const span of found.sort((a, b) => a.start - b.start)) {
    const last = spans.at(-1);
    if (last === undefined || last.end <= span.start) spans.push(span);
    else spans.splice(-1, 1, { ...(last.rank <= span.rank ? last : span), start: last.start, end: Math.max(last.end, span.end) });
  }
  return spans;
}

/**
 * Puts `{{KIND_n}}` in the place of e-mail addresses, phone numbers, payment cards and IBANs with right check digits, and IPv4 addresses.
 * The same value gets the same placeholder; one that the text already holds is never given. `restore(mask(t).text, mask(t).originals) === t`.
 */
export function mask(text: string): Masked {
  const originals = new Map<string, string>();
  const taken = new Set(text.match(PLACEHOLDER) ?? []);
  const byValue = new Map<string, string>();
  const counts = new Map<string, number>();
  let masked = '';
  let at = 0;
  for (const span of personalSpans(text)) {
    const value = text.slice(span.start, span.end);
    let placeholder = byValue.get(`${span.kind} ${value}`);
    while (!placeholder) {
      const n = (counts.get(span.kind) ?? 0) + 1;
      counts.set(span.kind, n);
      const candidate = `{{${span.kind}_${n}}}`;
      if (!taken.has(candidate)) placeholder = candidate;
    }
    byValue.set(`${span.kind} ${value}`, placeholder);
    originals.set(placeholder, value);
    masked += text.slice(at, span.start) + placeholder;
    at = span.end;
  }
  return { text: masked + text.slice(at), originals };
}

/** Puts the originals back. */
export const restore = (text: string, originals: ReadonlyMap<string, string>): string =>
  originals.size === 0 ? text : text.replace(PLACEHOLDER, (placeholder) => originals.get(placeholder) ?? placeholder);
