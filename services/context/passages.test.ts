import { readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../lib/packageRoot.js';
import { MAX_PASSAGE_BYTES, passagesOf } from './passages.js';

const texts = (body: string) => passagesOf({ id: 'a', title: 'Refunds', body }).map(({ title, text }) => [title, text]);
const line = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.constantFrom('', '## How long', '## ', '##no heading', '### Small', '```', '~~~', '    ## code', '\r'),
  fc.string({ unit: fc.constantFrom('a', 'é', '𝄞', ' '), minLength: 1500, maxLength: 5000 }),
);
const body = fc.array(line, { minLength: 1, maxLength: 30 }).map((lines) => lines.join('\n'));

describe('an article', () => {
  it('is split at its second-level headings, each passage under the titles of article and section', () => {
    expect(texts('Before.\n\n## How long\n5 days.\n### Banks\nMore.\n## Where\nYour card.\n')).toEqual([
      ['Refunds', 'Before.'],
      ['Refunds: How long', '5 days.\n### Banks\nMore.'],
      ['Refunds: Where', 'Your card.'],
    ]);
  });

  it('keeps headings that are inside code, and the words of a section that has nothing but its heading', () => {
    expect(texts('```\n## not a heading\n```\n## Only a heading')).toEqual([
      ['Refunds', '```\n## not a heading\n```'],
      ['Refunds: Only a heading', 'Only a heading'],
    ]);
  });

  it('is cut at finer headings where a section is too long for the encoder, each piece under all of its headings', () => {
    const long = 'A bank shows the money after two more days. '.repeat(12).trim();
    expect(texts(`## How long\nShort.\n### Cards\n${long}\n#### Debit\nSame.\n### Banks\n${long}\n## Where\n### Card\nHere.`)).toEqual([
      ['Refunds: How long', 'Short.'],
      ['Refunds: How long: Cards', `${long}\n#### Debit\nSame.`],
      ['Refunds: How long: Banks', long],
      ['Refunds: Where', '### Card\nHere.'],
    ]);
  });

  it('is cut between paragraphs, then lines, then sentences, and into as few pieces as fit', () => {
    const sentence = 'The parcel is on its way to the warehouse where it is opened and looked at.';
    const paragraph = `${sentence} ${sentence}`;
    const pieces = texts(Array.from({ length: 9 }, () => paragraph).join('\n\n')).map(([, text]) => text!);
    expect(pieces.length).toBeLessThan(9);
    for (const piece of pieces) for (const part of piece.split('\n\n')) expect(part).toBe(paragraph);
    const one = texts(Array.from({ length: 30 }, () => sentence).join(' ')).map(([, text]) => text!);
    expect(one.length).toBeGreaterThan(1);
    for (const piece of one) expect(piece.startsWith(sentence) && piece.endsWith(sentence)).toBe(true);
  });

  it('gives passages that the shipped encoder reads whole, whatever the language', () => {
    const read = (file: string) => JSON.parse(readFileSync(new URL(`models/default/${file}`, packageRoot), 'utf8')) as object;
    const tokenizer = new Tokenizer(read('tokenizer.json'), read('tokenizer_config.json'));
    const languages = [
      'We send every refund to the original payment method within 5 working days of the return reaching our warehouse.',
      'Die Rücksendung unserer Bestellungen dauert in der Regel fünf Werktage, sofern die Ware ordnungsgemäß verpackt ist.',
      'Zwrot pieniędzy następuje w ciągu pięciu dni roboczych od otrzymania przesyłki w naszym magazynie.',
      'Возврат денежных средств занимает пять рабочих дней после получения посылки.',
      '返品の返金は、倉庫に到着してから五営業日以内に行われます。',
      '환불은 반품이 창고에 도착한 후 영업일 기준 5일 이내에 처리됩니다.',
      '| Germany | 4.90 EUR | 2–3 days | https://example.com/a?b=DEADBEEF1234 |',
    ];
    for (const sentence of languages) {
      const passages = passagesOf({ id: 'a', title: 'Refunds and how long they take', body: `${sentence}\n`.repeat(60) });
      const counts = passages.map((p) => tokenizer.encode(`${p.title}\n${p.text}`).ids.length);
      expect(Math.max(...counts)).toBeLessThanOrEqual(256);
      // A passage of a few words would say nothing alone.
      expect(Math.min(...counts.slice(0, -1))).toBeGreaterThan(80);
    }
  });

  it('loses no word: every character that is not white space, where there are no headings, is in a passage, in order', () => {
    const squeeze = (text: string) => text.replaceAll(/\s/gu, '');
    fc.assert(
      fc.property(body, (markdown) => {
        const own = markdown.split(/\r?\n/).join('');
        fc.pre(!/```|~~~|#[ \t]/.test(markdown));
        expect(
          squeeze(
            texts(markdown)
              .map(([, text]) => text)
              .join(''),
          ),
        ).toBe(squeeze(own));
      }),
    );
  });

  it('gives passages that fit, numbered from 0, and none only for a body of white space', () => {
    fc.assert(
      fc.property(body, (markdown) => {
        const passages = passagesOf({ id: 'a', title: 'Refunds', body: markdown });
        expect(passages.map((p) => p.id)).toEqual(passages.map((_, i) => `a#${i}`));
        for (const p of passages) {
          expect(Buffer.byteLength(p.text)).toBeLessThanOrEqual(MAX_PASSAGE_BYTES);
          expect(p.title.length).toBeLessThanOrEqual(500);
          expect(p.textSha256).toMatch(/^[0-9a-f]{64}$/);
        }
        if (/[\p{L}\p{N}]/u.test(markdown)) expect(passages.length).toBeGreaterThan(0);
      }),
    );
  });
});
