import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { packageRoot } from '../../lib/packageRoot.js';

/** Changes of `training/replymesh_training/variations.py`, one by one the same. */
const CHANGES: Readonly<Record<string, (text: string) => string>> = {
  plain: (text) => text,
  upper: (text) => text.replace(/[a-z]/g, (letter) => letter.toUpperCase()),
  reversed: (text) => [...text].reverse().join(''),
  doubled: (text) => text + text,
  emoji: (text) => text.replaceAll(' ', ' 🚢👍🏽 '),
  right_to_left: (text) => `مرحبا ${text} שלום`,
  accents: (text) => text.replaceAll('e', 'é').replaceAll('o', 'o\u0308'),
  ideographs: (text) => text.replaceAll('a', '単𠀀'),
  nulls: (text) => [...text].join('\0'),
  half_pairs: (text) => `\ude00${text}\ud83d`,
  line_breaks: (text) => text.replaceAll(' ', '\r\n'),
  wide_spaces: (text) => `  ${text.replaceAll(' ', '\u00a0')}\t\u2003 `,
  masked: (text) => text.replaceAll(' ', ' {{{NAME_1}}} '),
  digits: (text) => text.replace(/[a-z]/g, (letter) => String(letter.codePointAt(0)! % 10)),
  punctuation: (text) => [...text].map((letter) => "?!.,{{}'"[letter.codePointAt(0)! % 8]).join(''),
  unspaced: (text) => text.replace(/[^A-Za-z]/g, ''),
  empty: () => '',
  long: (text) => first(10_000, `${text} `),
  endless: (text) => first(10_000, text.replace(/[ \t\n]/g, '_')),
};
const LONG_EVERY = 20;

/** So many characters of a text said again and again. */
function first(count: number, text: string): string {
  const letters = [...text];
  return Array.from({ length: count }, (_, at) => letters[at % letters.length]).join('');
}

function rowsOf(source: string): string[] {
  const content = readFileSync(new URL(`training/data/${source}`, packageRoot), 'utf8');
  const rows: { text: string }[] = source.endsWith('.csv') ? parse(content, { columns: true, bom: true }) : JSON.parse(content);
  return rows.map((row) => row.text);
}

/** The texts of a block of a golden file, which is named by its source and change. */
export function textsOf(block: string): string[] {
  const [source, change] = block.split(' ') as [string, string];
  const rows = rowsOf(source);
  return (change === 'long' || change === 'endless' ? rows.filter((_, i) => i % LONG_EVERY === 0) : rows).map(CHANGES[change]!);
}

/** One block of a golden file. */
export interface GoldenBlock {
  readonly name: string;
  readonly rows: number;
  readonly sha256: string;
}
