import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readClaims } from './claims.js';

const read = (text: string): string[] => readClaims(text).claims.map((claim) => `${claim.kind} ${claim.value}`);

describe('claims', () => {
  it.each<[kind: string, same: string[]]>([
    ['MONEY 49.9 USD', ['$49.90', '49.90 USD', 'US$ 49.90', 'USD 49.90', '49,90 USD', '49.90 dollars', '$49.90 USD']],
    ['MONEY 1299 EUR', ['€1,299.00', '1.299,00 €', '1,299 euros', 'EUR 1299']],
    [
      'DATE 2026-11-24',
      ['2026-11-24', '24 November 2026', 'November 24, 2026', '24th of Nov 2026', '24.11.2026', '11/24/2026', '24/11/26'],
    ],
    ['DATE 2026-03-04|2026-04-03', ['03/04/2026']],
    ['DATE --11-24', ['24 November', 'Nov. 24']],
    ['TIME 20:00', ['20:00', '8 pm', '8:00 PM', '8 p.m.']],
    ['DURATION 5 workday', ['5 working days', 'five business days', '5-working-day']],
    ['DURATION 14 day', ['14 days', 'two weeks', '14 calendar days', 'fourteen-day']],
    ['DURATION 1440 minute', ['24 hours', 'twenty-four hours', '24h']],
    ['DURATION 12 month', ['a year', 'one year', '12 months']],
    ['PERCENT 15', ['15 %', '15%', 'fifteen percent']],
    ['PHONE 15550100', ['+1 555 0100', '+1 (555) 0100', '+1-555-0100']],
    ['EMAIL a.b@shop.example', ['a.b@shop.example', 'A.B@Shop.example']],
    ['URL shop.example/help', ['https://shop.example/help', 'www.shop.example/help/', 'shop.example/help']],
    ['IDENTIFIER nw-10482', ['NW-10482', 'nw-10482']],
    ['NUMBER 3', ['3', 'three', '3rd']],
    ['FREE 0', ['free', 'free of charge', 'at no extra cost', 'without any fee']],
    ['PLACEHOLDER ORDER_1', ['{{ORDER_1}}']],
  ])('%s is read from every spelling of it', (claim, spellings) => {
    for (const spelling of spellings) expect(read(`It is ${spelling}.`), spelling).toEqual([claim]);
  });

  it('reads both ends of a range', () => {
    expect(read('It takes 3 to 5 working days.')).toEqual(['DURATION 3 workday', 'DURATION 5 workday']);
  });

  it.each(['Feel free to write.', 'You are free to choose.', 'One of us will know.', 'May I ask?', 'This one is nice.'])(
    'finds none in: %s',
    (text) => {
      expect(read(text)).toEqual([]);
    },
  );

  it('reads long runs of whatever it looks for without hanging', () => {
    for (const part of ['a', '1', '1,111', 'a.', '@', '{{', '+1 ', '$', '1-', '(', 'http://'])
      expect(read(part.repeat(20_000)).length).toBeGreaterThanOrEqual(0);
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('1', '.', ',', '-', ' ', '{', 'a', '@', '$', '+', '('), maxLength: 2000 }),
        (text) => read(text).length >= 0,
      ),
    );
  });
});
