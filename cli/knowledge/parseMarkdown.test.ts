import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { parseMarkdown } from './parseMarkdown.js';

const draftOf = (text: string) => parseMarkdown(text).drafts[0];
const problemsOf = (text: string) => parseMarkdown(text).problems;
const line = fc.string({ unit: 'grapheme', maxLength: 30 }).map((text) => text.replaceAll(/[\r\n\u2028\u2029\u0085]/g, ' '));
const filled = line.map((text) => text.trim()).filter((text) => text !== '' && !text.startsWith('#'));

describe('a Markdown file', () => {
  it('says in its front matter what the article is called, for whom it is, what it answers and until when', () => {
    const text = `---
title: How long a refund takes
audience: AGENT
language: en
intents: [track_refund, get_refund]
stale_at: 2027-01-31
---

## Cards

Five days.
`;
    expect(parseMarkdown(text)).toEqual({
      drafts: [
        {
          line: 9,
          fields: {
            title: 'How long a refund takes',
            audience: 'AGENT',
            language: 'en',
            intents: ['track_refund', 'get_refund'],
            stale_at: '2027-01-31',
          },
          lines: { title: 2, audience: 3, language: 4, intents: 5, stale_at: 6 },
          body: '## Cards\n\nFive days.',
          name: '',
        },
      ],
      problems: [],
      unknownKeys: [],
    });
  });

  it('is called by its first heading where the front matter does not say, and does not repeat it', () => {
    for (const text of [
      '# Refunds\n\nText.',
      '\n# Refunds ##\nText.',
      'Refunds\n=======\nText.',
      '---\ntitle: Refunds\n---\n# Refunds\nText.',
      '# Refunds\r\nText.\r\n',
    ])
      expect(draftOf(text)).toMatchObject({ fields: { title: 'Refunds' }, body: 'Text.' });
    expect(draftOf('---\ntitle: Money\n---\n# Refunds\nText.')).toMatchObject({ fields: { title: 'Money' }, body: '# Refunds\nText.' });
    for (const text of ['Text.\n# Refunds', '## Refunds\nText.', '#Refunds\nText.'])
      expect(draftOf(text)).toMatchObject({ fields: {}, body: text });
  });

  it('takes values as they stand there: a version is no number, and intents may be one text', () => {
    expect(draftOf('---\ntitle: 1.10\nintents: a; b,c\naudience:\n---\nText.')?.fields).toEqual({
      title: '1.10',
      intents: ['a', 'b', 'c'],
    });
  });

  it('tells the keys that mean nothing, so that a typing error is seen', () => {
    expect(parseMarkdown('---\nlanguge: en\ntags: [a]\n---\nText.').unknownKeys).toEqual(['languge', 'tags']);
  });

  it.each(['audeince', 'Audience', 'audiance', 'audiences', 'adience'])('reads nothing where the audience is said as "%s"', (key) => {
    const problem = expect.stringContaining(`the key "${key}" looks like audience`);
    expect(parseMarkdown(`---\ntags: a\n${key}: AGENT\n---\n# Margins\nText.`)).toMatchObject({
      drafts: [],
      problems: [{ line: 3, problem }],
    });
  });

  it('says on which line the front matter is broken', () => {
    expect(problemsOf('---\ntitle: Refunds\naudience: [AGENT\n---\nText.')).toMatchObject([
      { line: expect.any(Number), problem: expect.stringContaining('YAML') },
    ]);
    expect(problemsOf('---\nlanguage: en\ntitle: one: two\n---\nText.')).toMatchObject([
      { line: 3, problem: expect.stringContaining('quotes') },
    ]);
    expect(problemsOf('---\nlanguage: en\ntitle: [a, b]\n---\nText.')).toEqual([{ line: 3, problem: 'title must be one value.' }]);
    expect(problemsOf('---\n- a\n---\nText.')).toMatchObject([{ line: 2 }]);
    expect(problemsOf('---\ntitle: Refunds\n\nText.')).toMatchObject([{ line: 1, problem: expect.stringContaining('no end') }]);
  });

  it('gives back whatever was written into it', () => {
    fc.assert(
      fc.property(filled, filled, fc.array(filled, { maxLength: 5 }), (title, language, body) => {
        const text = `---\n${stringify({ title, language })}---\n${body.join('\n\n')}\n`;
        expect(draftOf(text)).toMatchObject({ fields: { title, language }, body: body.join('\n\n') });
      }),
    );
  });

  it('is read or refused, whatever is in it', () => {
    const piece = fc.constantFrom(
      '---',
      '---\n',
      'title: x',
      '# ',
      '\n',
      '\r\n',
      '===',
      '&a ',
      '*a',
      '[',
      '{',
      '"',
      ': ',
      '\t',
      '- ',
      '!!x ',
      'é',
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, line), { maxLength: 20 }), (pieces) => {
        const { drafts, problems } = parseMarkdown(pieces.join(''));
        expect(drafts.length + problems.length).toBe(1);
      }),
      { numRuns: 500 },
    );
  });
});
