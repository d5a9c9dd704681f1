import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
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

  it('loses no word: every character that is not white space or a heading is in a passage, in order', () => {
    const squeeze = (text: string) => text.replaceAll(/\s/gu, '');
    fc.assert(
      fc.property(body, (markdown) => {
        const own = markdown
          .split(/\r?\n/)
          .filter((l) => !/^##[ \t]/.test(l))
          .join('');
        fc.pre(!/```|~~~|##[ \t]/.test(markdown));
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
