import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NameKind, NameSpan } from '../../gen/replymesh/inference/v1/inference_service.js';
import { hasIbanDigits } from './bankAccounts.js';
import { hasLuhnDigit } from './cardNumbers.js';
import { mask, maskNames, restore, unmasked } from './mask.js';

describe('personal data', () => {
  it.each([
    ['write to ada.lovelace+shop@mail.example.com please', 'write to {{EMAIL_1}} please'],
    ['call me at (415) 555-2671 today', 'call me at {{PHONE_1}} today'],
    ['call +44 20 7946 0958', 'call {{PHONE_1}}'],
    ['my card 4111 1111 1111 1111 was charged', 'my card {{CARD_1}} was charged'],
    ['pay to DE89 3704 0044 0532 0130 00 now', 'pay to {{IBAN_1}} now'],
    ['I come from 203.0.113.7', 'I come from {{IP_1}}'],
    ['write to o’brien@x.example, info/sales@x.example', 'write to {{EMAIL_1}}, {{EMAIL_2}}'],
    ['write to anna\u200b@x.example or anna@ex\u00adample.com', 'write to {{EMAIL_1}} or {{EMAIL_2}}'],
    ['mailto:a@x.example?subject=hello', 'mailto:{{EMAIL_1}}?subject=hello'],
    ['4111|1111|1111|1111 or 4111·1111·1111·1111', '{{CARD_1}} or {{CARD_2}}'],
    ['a@x.example and b@x.example and a@x.example', '{{EMAIL_1}} and {{EMAIL_2}} and {{EMAIL_1}}'],
    ['4111111111111111,4242424242424242', '{{CARD_1}},{{CARD_2}}'],
    ['4111 1111 1111 1111 4242 4242 4242 4242', '{{CARD_1}} {{CARD_2}}'],
    ['amex 3782-822463-10005!', 'amex {{CARD_1}}!'],
    ['card4111/1111/1111/1111please', 'card{{CARD_1}}please'],
    ['order 12345: 4111.1111.1111.1111', 'order {{ORDER_1}}: {{CARD_1}}'],
    ['ibande89370400440532013000thanks', 'iban{{IBAN_1}}thanks'],
    ['gb82-west-1234-5698-7654-32, DE89370400440532013000', '{{IBAN_1}}, {{IBAN_2}}'],
    ['415-555-2671, 415-555-2672; +44 20 7946 0958', '{{PHONE_1}}, {{PHONE_2}}; {{PHONE_3}}'],
    ['where is order NW-10482?', 'where is order {{ORDER_1}}?'],
    ['order 1234567890123456 of 2026-11-24 for 49.90', 'order {{ORDER_1}} of 2026-11-24 for 49.90'],
    ['cancel purchase 00123842 and order no. 12345', 'cancel purchase {{ORDER_1}} and order no. {{ORDER_2}}'],
    ['invoice #00108, bill number: INV-2024-17', 'invoice #{{INVOICE_1}}, bill number: {{INVOICE_2}}'],
    ['my account number is 12-345-678', 'my account number is {{ACCOUNT_1}}'],
    ['tracking code: 1Z999AA10123456784', 'tracking code: {{REFERENCE_1}}'],
    ['ticket ID 4711-22', 'ticket ID {{REFERENCE_1}}'],
    ['orders 10482, 10483, 10484 and #10485; 10486', 'orders {{ORDER_1}}, {{ORDER_2}}, {{ORDER_3}} and #{{ORDER_4}}; {{ORDER_5}}'],
    ['invoices INV-20311, INV-20321 or INV-20331', 'invoices {{INVOICE_1}}, {{INVOICE_2}} or {{INVOICE_3}}'],
    ['order 12345, 2024 and 10000 dollars', 'order {{ORDER_1}}, 2024 and 10000 dollars'],
    ['order 12345, invoice-20310 and order-12346', 'order {{ORDER_1}}, invoice-{{INVOICE_1}} and order-{{ORDER_2}}'],
    ['order 12345, 415-555-2671', 'order {{ORDER_1}}, {{PHONE_1}}'],
    ['order 2024, 15000 more', 'order 2024, 15000 more'],
    ['order-445566, order_id=445567 and order№12345', 'order-{{ORDER_1}}, order_id={{ORDER_2}} and order№{{ORDER_3}}'],
    ['it says ORD-445566 on it', 'it says {{NUMBER_1}} on it'],
    ['what about #85632 and 732201349959', 'what about #{{NUMBER_1}} and {{NUMBER_2}}'],
    ['my SSN is 536-90-4399, his 900-12-3456', 'my SSN is {{SSN_1}}, his {{PHONE_1}}'],
    ['social security number 536904399', 'social security number {{SSN_1}}'],
    ['NI number QQ 12 34 56 C? no: AB 12 34 56 C', 'NI number QQ 12 34 56 C? no: {{SSN_1}}'],
    ['from 2001:db8::ff00:42:8329 and ::1', 'from {{IP_1}} and {{IP_2}}'],
    ['phone: 72 128 827', 'phone: {{PHONE_1}}'],
    ['my registered 0961-7596216 or (99) 645-791', 'my registered {{PHONE_1}} or {{PHONE_2}}'],
    ['card 4111 1111 1111 1112 has a wrong digit', 'card {{NUMBER_1}} has a wrong digit'],
    ['GB82 WEST 1234 5698 7654 33 has a wrong digit', 'GB82 WEST {{PHONE_1}} has a wrong digit'],
    ['{{EMAIL_1}} is what I typed, not a@x.example', '{{EMAIL_1}} is what I typed, not {{EMAIL_2}}'],
  ])('is masked in "%s"', (text, masked) => {
    expect(mask(text).text).toBe(masked);
  });

  it.each([
    'version 1.2.3 costs 49.90 USD',
    'I ordered 3 on 2026-11-24 for 49.90, and 12 on 24/11/2026 at 10:30:15',
    'an account for 1200 dollars, a bill of 1499 USD and 1 200 000 of them since 2019-2020',
    'order 66 and order 2024',
    'ratio 1:2:3 at 12:30:45, std::vector',
    'it is in 12 of the 13 boxes that came to me on the 14 of May',
    'in 5 days',
  ])('is not seen in "%s"', (text) => {
    expect(mask(text).text).toBe(text);
  });

  const separator = fc.constantFrom('', ' ', '-', '.', '/', '  ', ' - ', '\u00a0', '–');
  const around = fc.constantFrom('', ' ', 'card', 'x', ':', '(', ', ', '\n');
  const inGroups = (number: string, sizes: readonly number[], between: string): string => {
    let at = 0;
    const groups = [...sizes, number.length].flatMap((size) => number.slice(at, (at += size)) || []);
    return groups.join(between);
  };

  it('of a payment card goes, however it is written', () => {
    const figures = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 12, maxLength: 18 }).map((digits) => digits.join(''));
    const card = figures.map((start) => start + [...'0123456789'].find((digit) => hasLuhnDigit(start + digit)));
    const sizes = fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 4 });
    fc.assert(
      fc.property(card, sizes, separator, around, around, (number, groups, between, before, after) => {
        const masked = mask(`${before}${inGroups(number, groups, between)}${after}`).text;
        expect(masked).toBe(`${before}{{CARD_1}}${after}`);
      }),
    );
  });

  it('of several cards glued together goes whole', () => {
    const known = fc.constantFrom('4111111111111111', '5555555555554444', '378282246310005', '6011111111111117', '30569309025904');
    fc.assert(
      fc.property(fc.array(known, { minLength: 2, maxLength: 20 }), (cards) => {
        expect(mask(cards.join('')).text).not.toMatch(/\d{5}/);
      }),
    );
  });

  it('of a bank account goes, however it is written', () => {
    const iban = fc.constantFrom(
      'DE89370400440532013000',
      'GB82WEST12345698765432',
      'FR1420041010050500013M02606',
      'NO9386011117947',
      'MT84MALT011000012345MTLCAST001S',
    );
    const written = fc.tuple(iban, separator, fc.boolean()).map(([number, between, lower]) => {
      const groups = number.match(/.{1,4}/g)!.join(between);
      return lower ? groups.toLowerCase() : groups;
    });
    fc.assert(
      fc.property(fc.array(written, { minLength: 1, maxLength: 3 }), around, around, (accounts, before, after) => {
        const holders = [...new Set(accounts)].length;
        const masked = mask(`${before}${accounts.join(', ')}${after}`).text;
        expect(masked.replace(/\{\{IBAN_\d\}\}/g, '')).toBe(`${before}${', '.repeat(accounts.length - 1)}${after}`);
        expect(new Set(masked.match(/IBAN_\d/g)).size).toBe(holders);
      }),
    );
  });

  it('is looked for by the library in a bounded part of a message of digits, and all that looks like a number goes from the rest', () => {
    expect(mask(Array.from({ length: 700 }, () => '415-555-2671').join(' ')).text).not.toMatch(/\d{3}-\d{4}/);
    for (const digits of ['1', '1 ', '123 ', '(1', '+1', '1-', 'ext 1 ', '4155552671 ']) {
      const text = digits.repeat(10_000 / digits.length);
      const { text: masked, originals } = mask(text);
      expect(restore(masked, originals)).toBe(text);
    }
  });

  it('comes back exactly, whatever the text', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.emailAddress(),
      fc.ipV4(),
      fc.constantFrom('+1 415 555 2671', '4111111111111111', '{{EMAIL_1}}', '{{CARD_2}}', ' '),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join(' ');
        const { text: masked, originals } = mask(text);
        expect(restore(masked, originals)).toBe(text);
      }),
    );
  });

  it('is told from other numbers by its check digits', () => {
    expect([hasLuhnDigit('4111111111111111'), hasLuhnDigit('4111111111111112')]).toEqual([true, false]);
    expect([hasIbanDigits('GB82 WEST 1234 5698 7654 32'), hasIbanDigits('GB82 WEST 1234 5698 7654 33')]).toEqual([true, false]);
  });

  it.each([
    ['card ４１１１ １１１１ １１１１ １１１１', 'card {{CARD_1}}'],
    ['カード４１１１１１１１１１１１１１１１です', 'カード{{CARD_1}}です'],
    ['card ٤١١١١١١١١١١١١١١١', 'card {{CARD_1}}'],
    ['order १२३४५६', 'order {{ORDER_1}}'],
    ['call ＋４９ １７６ １２３４５６７８', 'call {{PHONE_1}}'],
    ['joe＠x．example', '{{EMAIL_1}}'],
    ['card 4111\u200b1111\u200b1111\u200b1111', 'card {{CARD_1}}'],
    ['👨‍👩‍👧 of ２ persons, ٢٠٢٦', '👨‍👩‍👧 of ２ persons, ٢٠٢٦'],
  ])('finds numbers in digits of any form: %s', (text, masked) => {
    expect(mask(text).text).toBe(masked);
    expect(restore(mask(text).text, mask(text).originals)).toBe(text);
  });

  it('that names somebody goes where the models found it, but what is masked already stays', () => {
    const found = (text: string, ...names: readonly string[]) =>
      names.map((name) =>
        NameSpan.fromPartial({ kind: NameKind.PERSON, start: text.indexOf(name), end: text.indexOf(name) + name.length }),
      );
    const first = mask('I am Ada, ada@x.example, of Ada Ltd');
    const nameless = maskNames(first, [
      ...found(first.text, 'Ada'),
      ...found(first.text, '{{EMAIL_1}}'),
      NameSpan.fromPartial({ kind: NameKind.ORGANIZATION, start: first.text.lastIndexOf('Ada'), end: first.text.length }),
    ]);
    expect(nameless.text).toBe('I am {{NAME_1}}, {{EMAIL_1}}, of {{ORGANIZATION_1}}');
    expect(restore(nameless.text, nameless.originals)).toBe('I am Ada, ada@x.example, of Ada Ltd');
  });

  it('of names comes back exactly, and so it does from what is stored alone', () => {
    const piece = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 6 }), fc.constantFrom('Ada', 'a@x.example', '{{NAME_1}}', ' ', ', '));
    const texts = fc.array(piece, { minLength: 1, maxLength: 12 }).map((pieces) => pieces.join(' '));
    const cuts = fc.array(fc.tuple(fc.nat(100), fc.nat(12)), { maxLength: 4 });
    fc.assert(
      fc.property(texts, cuts, (text, places) => {
        const masked = mask(text);
        const spans: NameSpan[] = [];
        for (const [from, length] of places.sort(([a], [b]) => a - b)) {
          const start = Math.max(from, (spans.at(-1)?.end ?? -1) + 1);
          const end = Math.min(masked.text.length, start + length);
          if (start < end) spans.push(NameSpan.fromPartial({ kind: NameKind.PERSON, start, end }));
        }
        const nameless = maskNames(masked, spans);
        expect(restore(nameless.text, nameless.originals)).toBe(text);
        expect(restore(nameless.text, unmasked(masked, nameless.text))).toBe(text);
      }),
    );
  });
});
