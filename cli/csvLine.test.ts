import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csvLine, csvLineForPeople } from './csvLine.js';

const cells = fc.array(fc.string({ unit: fc.constantFrom('"', ',', '\n', '\r', '=', "'", '-', 'a', ' ') }), { minLength: 1 });
const read = (line: string): string[] => (parse(line, { relax_column_count: true, record_delimiter: '\r\n' }) as string[][])[0] ?? [];

describe('a line of CSV', () => {
  it('comes back cell for cell', () => {
    fc.assert(
      fc.property(cells, (row) => {
        expect(read(csvLine(row))).toEqual(row);
      }),
    );
  });

  it('for people begins no cell with what a spreadsheet runs, and changes no other', () => {
    fc.assert(
      fc.property(cells, (row) => {
        const found = read(csvLineForPeople(row));
        expect(found.filter((cell) => /^[=+\-@\t\r]/.test(cell))).toEqual([]);
        expect(found.map((cell, i) => (cell === row[i] ? cell : cell.replace(/^'/, '')))).toEqual(row);
      }),
    );
    expect(csvLineForPeople(['=HYPERLINK("x")', "it's -5", '-5'])).toBe(`"'=HYPERLINK(""x"")","it's -5","'-5"\r\n`);
  });
});
