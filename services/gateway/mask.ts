import { findPhoneNumbersInText } from 'libphonenumber-js/max';

/** A text without structured personal data, and what stood where. */
export interface Masked {
  readonly text: string;
  /** `{{EMAIL_1}}` → what it stands for. */
  readonly originals: ReadonlyMap<string, string>;
}

interface Span {
  readonly kind: 'EMAIL' | 'PHONE' | 'CARD' | 'IBAN' | 'IP';
  readonly start: number;
  readonly end: number;
}

// The parts are bounded, so that no text makes the search slow.
const EMAIL = /[\p{L}\p{N}._%+'-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,8}/gu;
const CARD = /(?<![\d])\d(?:[ -]?\d){11,18}(?![\d])/g;
const IBAN = /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b/g;
const IPV4 = /(?<![\d.])(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}(?![\d.]*\d)/g;
const PLACEHOLDER = /\{\{[A-Z]+_\d+\}\}/g;

const matches = (kind: Span['kind'], pattern: RegExp, text: string, holds: (found: string) => boolean = () => true): Span[] =>
  [...text.matchAll(pattern)].filter((m) => holds(m[0])).map((m) => ({ kind, start: m.index, end: m.index + m[0].length }));

/** Check digit of payment cards (ISO/IEC 7812-1, Luhn). */
export function hasLuhnDigit(number: string): boolean {
  const digits = [...number.replace(/\D/g, '')].reverse().map(Number);
  const sum = digits.reduce((total, digit, i) => total + (i % 2 === 0 ? digit : digit * 2 > 9 ? digit * 2 - 9 : digit * 2), 0);
  return digits.length >= 12 && sum % 10 === 0;
}

/** Check digits of bank accounts (ISO 13616, modulo 97). */
export function hasIbanDigits(iban: string): boolean {
  const compact = iban.replace(/ /g, '');
  if (compact.length < 15 || compact.length > 34) return false;
  let rest = 0;
  for (const char of compact.slice(4) + compact.slice(0, 4)) rest = Number(`${rest}${Number.parseInt(char, 36)}`) % 97;
  return rest === 1;
}

function personalSpans(text: string): Span[] {
  const phones = findPhoneNumbersInText(text, { defaultCountry: 'US' }).map(
    (p): Span => ({ kind: 'PHONE', start: p.startsAt, end: p.endsAt }),
  );
  const found = [
    ...matches('EMAIL', EMAIL, text),
    ...matches('IBAN', IBAN, text, hasIbanDigits),
    ...matches('CARD', CARD, text, hasLuhnDigit),
    ...matches('IP', IPV4, text),
    ...phones,
  ];
  // Where two kinds overlap, the one named first above is the surer.
  const kept: Span[] = [];
  for (const span of found) if (!kept.some((k) => span.start < k.end && k.start < span.end)) kept.push(span);
  return kept.sort((a, b) => a.start - b.start);
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
