import type { Span } from './span.js';

/** Country, length of its IBANs. Source: SWIFT IBAN registry (ISO 13616). */
const LENGTHS: ReadonlyMap<string, number> = new Map(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 ' +
    'GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 ' +
    'NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30'
  )
    .split(' ')
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);
/** Country and check digits; what comes before may be anything, since people glue words to it. */
const START = /(?=([A-Z]{2})[\s./_\p{Pd}]{0,3}\d[\s./_\p{Pd}]{0,3}\d)/giu;
/** One more character of an account, with what people put before it. */
const CHARACTER = /[\s./_\p{Pd}]{0,3}([A-Z0-9])/iuy;
/** Fewer digits than this has no IBAN, but prose has. */
const FEWEST_DIGITS = 9;

/** Check digits of bank accounts (ISO 13616, modulo 97). */
export function hasIbanDigits(iban: string): boolean {
  const compact = iban.replace(/[^A-Za-z0-9]/g, '');
  if (compact.length !== LENGTHS.get(compact.slice(0, 2).toUpperCase())) return false;
  let rest = 0;
  for (const char of compact.slice(4) + compact.slice(0, 4)) rest = Number(`${rest}${Number.parseInt(char, 36)}`) % 97;
  return rest === 1;
}

/** International bank account numbers by country, length and check digits, however they are written. */
export function findBankAccounts(text: string): Span[] {
  const found: Span[] = [];
  for (const { 1: country = '', index } of text.matchAll(START)) {
    const end = endOf(text, index, LENGTHS.get(country.toUpperCase()) ?? 0);
    if (end === undefined || index < (found.at(-1)?.end ?? 0)) continue;
    const iban = text.slice(index, end);
    if (iban.replace(/\D/g, '').length >= FEWEST_DIGITS && hasIbanDigits(iban)) found.push({ start: index, end });
  }
  return found;
}

/** Where the last of so many letters and digits ends. */
function endOf(text: string, start: number, length: number): number | undefined {
  CHARACTER.lastIndex = start;
  for (let i = 0; i < length; i += 1) if (!CHARACTER.test(text)) return undefined;
  return length === 0 ? undefined : CHARACTER.lastIndex;
}
