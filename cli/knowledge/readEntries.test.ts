import { describe, expect, it } from 'vitest';
import { Audience } from '../../gen/replymesh/type/v1/knowledge.js';
import { parseMarkdown } from './parseMarkdown.js';
import { collect } from './readEntries.js';
import type { Entry } from './source.js';

const entry = (path: string): Entry => ({
  file: `help/${path}.md`,
  source: `/srv/help/${path}.md`,
  path,
  read: async () => parseMarkdown(''),
});
const collected = (files: Readonly<Record<string, string>>, defaults = {}) =>
  collect(Object.keys(files).map(entry), Object.values(files).map(parseMarkdown), defaults);
const refusals = (text: string, defaults = {}) =>
  collected({ refunds: text }, defaults).refusals.map((r) => `${r.file}:${r.line}: ${r.problem}`);

describe('what was read', () => {
  it('becomes articles that say where they come from, known by their paths', () => {
    const { articles, refusals } = collected({
      'money/Refunds': '---\nstale_at: 2027-01-31\n---\n# Refunds\nFive days.',
      short: '---\nid: own-id\n---\n# Other\nText.',
    });
    expect(refusals).toEqual([]);
    expect(articles.map((read) => [read.article.id, `${read.file}:${read.line}`])).toEqual([
      ['money-refunds', 'help/money/Refunds.md:4'],
      ['own-id', 'help/short.md:4'],
    ]);
    expect(articles[0]?.article).toMatchObject({
      title: 'Refunds',
      body: 'Five days.',
      audience: Audience.PUBLIC,
      staleTime: new Date('2027-01-31T00:00:00Z'),
      source: '/srv/help/money/Refunds.md',
    });
  });

  it('is for whom and in the language that the command says, unless it says so itself', () => {
    const { articles } = collected(
      { one: '# One\nText.', two: '---\naudience: public\nlanguage: de\n---\n# Two\nText.' },
      { audience: 'AGENT', language: 'en' },
    );
    expect(articles.map(({ article }) => [article.audience, article.language])).toEqual([
      [Audience.AGENT, 'en'],
      [Audience.PUBLIC, 'de'],
    ]);
  });

  it('has another hash whenever anything that the source says is another, and the same otherwise', () => {
    const hash = (text: string, defaults = {}) => collected({ refunds: text }, defaults).articles[0]?.article.sourceSha256;
    const texts = [
      '# A\nText.',
      '# B\nText.',
      '# A\nText!',
      ...['audience: AGENT', 'language: en', 'intents: a', 'stale_at: 2027-01-31', 'id: other'].map(
        (line) => `---\n${line}\n---\n# A\nText.`,
      ),
    ];
    expect(new Set(texts.map((text) => hash(text))).size).toBe(texts.length);
    expect(hash('---\ntags: a\ntitle: A\n---\n\nText.\n')).toBe(hash('# A\nText.'));
    expect(hash('# A\nText.', { audience: 'AGENT' })).toBe(hash('---\naudience: AGENT\n---\n# A\nText.'));
  });

  it('is refused with file, line and what to do', () => {
    expect(refusals('---\ntitle: A\naudience: partners\n---\nText.')).toEqual([
      'help/refunds.md:3: the audience "partners" is not known. Use PUBLIC or AGENT.',
    ]);
    expect(refusals('---\ntitle: A\nstale_at: 2027-02-30\n---\nText.')).toEqual([
      expect.stringMatching(/^help\/refunds\.md:3: "2027-02-30" is no day\. Write it as 2027-01-31/),
    ]);
    expect(refusals('---\ntitle: A\nstale_at: soon\nlanguage: English\n---\nText.')).toHaveLength(2);
    expect(refusals('---\ntitle: A\nlanguage: English\n---\nText.')).toEqual([
      expect.stringMatching(/:3: "English" is no language tag .*pt-BR/),
    ]);
    expect(refusals('---\nid: My Id\ntitle: A\n---\nText.')).toEqual([expect.stringMatching(/:2: the id "My Id" does not do/)]);
    expect(refusals('Text.')).toEqual([expect.stringMatching(/:1: there is no title/)]);
    expect(refusals(`# ${'a'.repeat(300)}\nText.`)).toEqual([expect.stringMatching(/the title has 300 characters of at most 200/)]);
    expect(refusals('# A')).toEqual([expect.stringMatching(/there is no text/)]);
    expect(refusals(`# A\n${'long '.repeat(50_000)}`)).toEqual([
      expect.stringMatching(/the text has 249,999 bytes of at most 200,000\. Split it/),
    ]);
    expect(refusals(`---\ntitle: A\nintents: ${'x'.repeat(200)}\n---\nText.`)).toEqual([expect.stringMatching(/:3: .*128 characters/)]);
  });

  it('has each id once: the first file keeps it', () => {
    const { articles, refusals } = collected({ 'a/b': '# One\nText.', 'a-b': '# Two\nText.' });
    expect(articles.map(({ article }) => article.title)).toEqual(['One']);
    expect(refusals).toEqual([{ file: 'help/a-b.md', line: 1, problem: expect.stringContaining('"a-b" is that of help/a/b.md:1, too') }]);
  });

  it('tells which sources were not read whole, and the keys that mean nothing', () => {
    const { unread, unknownKeys } = collected({ good: '---\ntags: a\n---\n# A\nText.', bad: '---\ntags: a\nlanguge: en\n---\nText.' });
    expect([...unread]).toEqual(['/srv/help/bad.md']);
    expect([...unknownKeys]).toEqual([
      ['tags', 2],
      ['languge', 1],
    ]);
  });
});
