import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Row, readRows } from './rows.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'replymesh-rows-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function read(content: string | Uint8Array, limit?: number): Promise<Row[]> {
  const file = join(folder, 'data.csv');
  await writeFile(file, content);
  return readRows(file, limit);
}
const refusal = (content: string | Uint8Array): Promise<string> =>
  read(content).then(
    () => 'nothing was refused',
    (error: Error) => error.message.replace(folder, ''),
  );

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
const filled = fc
  .string({ unit: fc.oneof(fc.constantFrom('"', ',', '\n', '\r\n', ' ', 'ä', '🙂'), fc.string({ unit: 'grapheme-ascii', maxLength: 1 })) })
  .filter((text) => text.trim() !== '');

describe('a CSV file of rows', () => {
  it('comes back text for text, each with the line that it begins on', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(filled, filled, filled), { minLength: 1 }),
        fc.constantFrom('\n', '\r\n'),
        fc.boolean(),
        async (rows, end, ends) => {
          const lines = rows.map((row) => row.map(quoted).join(','));
          const found = await read(`text,note,label${end}${lines.join(end)}${ends ? end : ''}`);
          expect(found.map((row) => row.text)).toEqual(rows.map(([text]) => text));
          expect(found.map((row) => row.label)).toEqual(rows.map(([, , label]) => label.trim()));
          let line = 2;
          for (const [i, text] of lines.entries()) {
            expect(found[i]?.line).toBe(line);
            line += text.split(/\r\n|\n/).length;
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('may begin with a byte order mark and hold blank lines', async () => {
    expect(await read('\uFEFFlabel,text\n\na,hello\n\n')).toMatchObject([{ line: 3, text: 'hello', label: 'a' }]);
  });

  it('is read only as far as asked, however long it is', async () => {
    expect(await read('text,label\nhello,a\nbye,b\n"broken"x', 2)).toHaveLength(2);
    expect(await read(`text,label\n${'hello,a\n'.repeat(100_000)}`, 70_000)).toHaveLength(70_000);
  });
});

describe('a file that cannot be used is refused with its line and what to do', () => {
  it.each([
    [
      'a missing column',
      'text,intent\nhello,a\n',
      '/data.csv:1: the header must have the columns text and label once each; label has not.',
    ],
    [
      'a column that is there twice',
      'text,label,text\nhello,a,bye\n',
      '/data.csv:1: the header must have the columns text and label once each; text has not.',
    ],
    ['no rows', 'text,label\n', '/data.csv: there are no rows. It needs the header text,label and at least one row.'],
    ['nothing at all', '', '/data.csv: there are no rows. It needs the header text,label and at least one row.'],
    ['an empty text', 'text,label\n"two\nlines",a\n" ",b\n', '/data.csv:4: the text is empty. Fill it in or take the row out.'],
    ['an empty label', 'text,label\nhello,a\nbye,\n', '/data.csv:3: the label is empty. Fill it in or take the row out.'],
  ])('%s', async (_, content, message) => {
    expect(await refusal(content)).toBe(message);
  });

  it.each([
    ['a quote that is never closed', 'text,label\n\n"hello\r\nyou",a\n"bye,b\nmore,a\nmore,b\n', 5],
    ['text after a closing quote', 'text,label\nhello,a\n"bye"bye,b\n', 3],
    ['a row with too few fields', 'text,label\nhello,a\nbye\n', 3],
  ])('%s', async (_, content, line) => {
    expect(await refusal(content)).toMatch(new RegExp(`^/data\\.csv:${line}: this row cannot be read as CSV`));
  });

  it('bytes that are not UTF-8', async () => {
    expect(await refusal(Buffer.from('text,label\ncaf\xe9,a\n', 'latin1'))).toBe('/data.csv:2: this is not UTF-8. Save the file as UTF-8.');
  });

  it('a file that is not there, or is a folder', async () => {
    await expect(readRows(join(folder, 'none.csv'))).rejects.toThrow('none.csv: there is no such file.');
    await expect(readRows(folder)).rejects.toThrow('EISDIR');
  });
});
