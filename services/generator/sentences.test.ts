import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitSentences, takeSentences } from './sentences.js';

const trimmed = (text: string) => splitSentences(text).map((piece) => piece.trim());

/** Feeds a text in chunks of the given sizes, as a language model would. */
function stream(text: string, sizes: number[]): string[] {
  const sentences: string[] = [];
  let rest = '';
  let at = 0;
  for (let turn = 0; at < text.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    const taken = takeSentences(rest + text.slice(at, at + size));
    sentences.push(...taken.sentences);
    rest = taken.rest;
    at += size;
  }
  return rest === '' ? sentences : [...sentences, ...splitSentences(rest)];
}

const words = fc.constantFrom(
  'Refunds',
  'take',
  '5',
  'working',
  'days',
  'It',
  'costs',
  '49.90',
  'USD',
  'e.g.',
  'Mr.',
  'Smith',
  'a.b@c.example',
  'https://x.example/a.b',
  'No.',
  '7',
  '(see',
  'below)',
  '"quoted."',
  '10',
  'items',
  '1.',
  'Why?',
  'Yes!',
  '…',
  '[1]',
  '\n',
  '\n\n',
  'über',
  'Ünder',
  '😀',
  '{{ORDER_1}}',
  'end.',
);
const prose = fc.array(words, { maxLength: 40 }).map((parts) => parts.join(' '));

describe('sentences', () => {
  it.each([
    ['It costs 49.90 USD. It is cheap.', ['It costs 49.90 USD.', 'It is cheap.']],
    ['Write to support@northwind.example. We answer.', ['Write to support@northwind.example.', 'We answer.']],
    ['See https://northwind.example/help.html for more. Thanks.', ['See https://northwind.example/help.html for more.', 'Thanks.']],
    ['Ask Mr. Smith. He knows.', ['Ask Mr. Smith.', 'He knows.']],
    ['Use a card, e.g. Visa. Then pay.', ['Use a card, e.g. Visa.', 'Then pay.']],
    ['It takes approx. 5 days. Sorry!', ['It takes approx. 5 days.', 'Sorry!']],
    ['1. Sign in.\n2. Choose the order.', ['1. Sign in.', '2. Choose the order.']],
    ['Hello,\n\nYour order is here.', ['Hello,', 'Your order is here.']],
    ['Within 5 days. [1] Then wait.', ['Within 5 days.', '[1] Then wait.']],
    ['Really? Yes! Good.', ['Really?', 'Yes!', 'Good.']],
    ['Open from 8 a.m. to 5 p.m. on Monday. Closed on Sunday.', ['Open from 8 a.m. to 5 p.m. on Monday.', 'Closed on Sunday.']],
  ])('%j is cut where a reader would', (text, expected) => {
    expect(trimmed(text)).toEqual(expected);
  });

  it('loses and adds nothing: the pieces joined are the text', () => {
    fc.assert(fc.property(fc.oneof(fc.string({ unit: 'binary' }), prose), (text) => splitSentences(text).join('') === text));
  });

  it('cuts a growing text as it cuts the whole one, however it arrives', () => {
    fc.assert(
      fc.property(prose, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }), (text, sizes) => {
        expect(stream(text, sizes)).toEqual(splitSentences(text));
      }),
      { numRuns: 500 },
    );
  });

  it('hands out a sentence as soon as the next one begins', () => {
    expect(takeSentences('It costs 49.')).toEqual({ sentences: [], rest: 'It costs 49.' });
    expect(takeSentences('It costs 49.90 USD. T')).toEqual({ sentences: ['It costs 49.90 USD. '], rest: 'T' });
  });
});
