import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCsv } from './parseCsv.js';

const parse = (text: string) => parseCsv(Buffer.from(text));
const titles = (text: string) => parse(text).drafts.map((draft) => draft.fields.title);
const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
const cell = fc
  .string({ unit: fc.oneof(fc.constantFrom('"', ',', '\n', '\r\n', ' ', 'ä', '🙂'), fc.string({ unit: 'grapheme-ascii', maxLength: 1 })) })
  .map((text) => text.trim())
  .filter((text) => text !== '');

describe('a CSV file', () => {
  it('has an article in each row, with the columns that its header names, in any order', () => {
    expect(
      parse('\uFEFFBody,title, audience ,intents,note\n\n"Five, days.",Refunds,AGENT,get_refund; track_refund,x\r\nThree.,Returns,,,\n'),
    ).toEqual({
      drafts: [
        {
          line: 3,
          fields: { title: 'Refunds', audience: 'AGENT', intents: ['get_refund', 'track_refund'] },
          lines: {},
          body: 'Five, days.',
          name: 'Refunds',
        },
        { line: 4, fields: { title: 'Returns' }, lines: {}, body: 'Three.', name: 'Returns' },
      ],
      problems: [],
      unknownKeys: ['note'],
    });
  });

  it('gives back every value, with the line that its row begins on', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 10 }), fc.constantFrom('\n', '\r\n'), (rows, end) => {
        const lines = rows.map((row) => row.map(quoted).join(','));
        const { drafts, problems } = parse(`title,body${end}${lines.join(end)}`);
        expect(problems).toEqual([]);
        expect(drafts.map((draft) => [draft.fields.title, draft.body])).toEqual(rows);
        let line = 2;
        for (const [i, text] of lines.entries()) {
          expect(drafts[i]?.line).toBe(line);
          line += text.split('\n').length;
        }
      }),
    );
  });

  it('reads nothing of a file whose column for the audience is misspelt', () => {
    const problem = expect.stringContaining('the column "audiance" looks like audience');
    expect(parse('title,body,Audiance\nMargins,61 %,AGENT\n')).toMatchObject({ drafts: [], problems: [{ line: 1, problem }] });
  });

  it('costs a row with broken quotes that row alone, and says where it is and what to do', () => {
    const text = 'title,body\nOne,"Fine"\nTwo,"never closed\nThree,"fine, too"\nFour,"a "quoted" word"\nFive,fine\n';
    expect(titles(text)).toEqual(['One', 'Three', 'Five']);
    expect(parse(text).problems).toEqual([
      { line: 3, problem: expect.stringMatching(/^the row cannot be read as CSV: .*The line is left out\. Put quotes/) },
      { line: 5, problem: expect.stringContaining('text follows on a closing quote') },
    ]);
    expect(parse('title,body\nOne,fine\nTwo,"open').problems).toMatchObject([
      { line: 3, problem: expect.stringContaining('never closed') },
    ]);
    expect(parse('title,body\nOne,5" screen\nTwo,fine').problems).toMatchObject([{ line: 2, problem: expect.stringContaining('middle') }]);
  });

  it('takes what follows on a broken row for part of it until a row is whole', () => {
    const text = 'title,body,audience\nOne,"a "word"\nmore of it\nand more",PUBLIC\nTwo,fine,PUBLIC\n';
    expect(titles(text)).toEqual(['Two']);
    expect(parse(text).problems).toMatchObject([{ line: 2, problem: expect.stringContaining('Lines 2 to 4 are left out') }]);
  });

  it('reads every whole row that stands between broken ones', () => {
    const row = fc.oneof(fc.constant('broken'), fc.constant('whole'));
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 30 }), (rows) => {
        const lines = rows.map((kind, i) => (kind === 'whole' ? `Title ${i},"text, ""${i}"""` : `Title ${i},"a "word" ${i}"`));
        const text = ['title,body', ...lines].join('\n');
        expect(titles(text)).toEqual(rows.flatMap((kind, i) => (kind === 'whole' ? [`Title ${i}`] : [])));
        const starts = rows.flatMap((kind, i) => (kind === 'broken' && rows[i - 1] !== 'broken' ? [i + 2] : []));
        expect(parse(text).problems.map((problem) => problem.line)).toEqual(starts);
      }),
    );
  });

  it('refuses a row with too many or too few values, or that is not UTF-8, and reads the others', () => {
    const text = Buffer.concat([Buffer.from('title,body\nOne,a,b\nTwo\nThree,gr'), Buffer.from([0xfc]), Buffer.from('n\nFour,fine\n')]);
    const { drafts, problems } = parseCsv(text);
    expect(drafts.map((draft) => draft.fields.title)).toEqual(['Four']);
    expect(problems).toMatchObject([
      { line: 2, problem: expect.stringContaining('has 2 columns and the row 3') },
      { line: 3, problem: expect.stringContaining('has 2 columns and the row 1') },
      { line: 4, problem: expect.stringContaining('UTF-8') },
    ]);
  });

  it('is refused whole when its header does not do, or when there is nothing below it', () => {
    const problem = (text: string) => parse(text).problems.map((p) => `${p.line}: ${p.problem}`);
    expect(problem('title;body\nOne;a')).toEqual([
      expect.stringContaining('1: the header must name the columns title and body, with commas'),
    ]);
    expect(problem('\ntitle,body,title\nOne,a,b')).toEqual(['2: the column title is there twice. Rename one.']);
    expect(problem('title,"body\nOne,a')).toEqual([expect.stringContaining('1: the row cannot be read')]);
    for (const text of ['', '\n\n', 'title,body\n']) expect(problem(text)).toEqual([expect.stringContaining('there are no rows')]);
  });
});
