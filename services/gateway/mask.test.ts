import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasIbanDigits, hasLuhnDigit, mask, restore } from './mask.js';

describe('personal data', () => {
  it.each([
    ['write to ada.lovelace+shop@mail.example.com please', 'write to {{EMAIL_1}} please'],
    ['call me at (415) 555-2671 today', 'call me at {{PHONE_1}} today'],
    ['call +44 20 7946 0958', 'call {{PHONE_1}}'],
    ['my card 4111 1111 1111 1111 was charged', 'my card {{CARD_1}} was charged'],
    ['pay to DE89 3704 0044 0532 0130 00 now', 'pay to {{IBAN_1}} now'],
    ['I come from 203.0.113.7', 'I come from {{IP_1}}'],
    ['a@x.example and b@x.example and a@x.example', '{{EMAIL_1}} and {{EMAIL_2}} and {{EMAIL_1}}'],
    ['{{EMAIL_1}} is what I typed, not a@x.example', '{{EMAIL_1}} is what I typed, not {{EMAIL_2}}'],
  ])('is masked in "%s"', (text, masked) => {
    expect(mask(text).text).toBe(masked);
  });

  it.each(['where is order NW-10482?', 'version 1.2.3 costs 49.90 USD', 'card 4111 1111 1111 1112 has a wrong digit', 'in 5 days'])(
    'is not seen in "%s"',
    (text) => {
      expect(mask(text).text).toBe(text);
    },
  );

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
});
