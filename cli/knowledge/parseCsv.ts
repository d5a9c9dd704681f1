import { isUtf8 } from 'node:buffer';
import { CsvError } from 'csv-parse';
import { parse } from 'csv-parse/sync';
import { NOT_UTF8 } from './decode.js';
import { audienceProblem, type Draft, type Field, intentsIn, isField, type Parsed, type Problem } from './draft.js';

const BYTE_ORDER_MARK = Buffer.from('\uFEFF');
const [LINE_FEED, CARRIAGE_RETURN] = [0x0a, 0x0d];
/** After so many broken rows nobody can tell any more where rows begin. */
const MAX_BROKEN = 100;
const REQUIRED = ['title', 'body'] as const;

interface Row {
  readonly values: readonly string[];
  readonly line: number;
  /** The bytes that it stands in. */
  readonly bytes: Buffer;
}
interface Broken {
  readonly line: number;
  readonly reason: string;
}

/**
 * An article in each row (RFC 4180, UTF-8); the header names the columns. A row that cannot be read costs the lines up to the next one that can:
 * reading goes on in the line after the one where it begins, since an open quote would take the rest of the file along.
 */
export function parseCsv(file: Buffer): Parsed {
  const problems: Problem[] = [];
  const drafts: Draft[] = [];
  let columns: readonly string[] | undefined;
  let broken: Broken | undefined;
  const leftOutUntil = (line: number): void => {
    if (broken) problems.push({ line: broken.line, problem: brokenProblem(broken, line) });
    broken = undefined;
  };
  for (const row of rowsIn(file)) {
    if ('reason' in row) {
      if (columns === undefined) return { drafts, problems: [{ line: row.line, problem: brokenProblem(row, row.line) }], unknownKeys: [] };
      broken ??= row;
    } else if (columns === undefined) {
      columns = row.values.map((name) => name.trim().toLowerCase());
      const problem = headerProblem(columns);
      if (problem !== undefined) return { drafts, problems: [{ line: row.line, problem }], unknownKeys: [] };
    } else if (row.values.length === columns.length) {
      leftOutUntil(row.line - 1);
      if (isUtf8(row.bytes)) drafts.push(draftOf(columns, row));
      else problems.push({ line: row.line, problem: NOT_UTF8 });
    } else if (broken === undefined) {
      const problem = `the header has ${columns.length} columns and the row ${row.values.length}. Put quotes around a value with a comma in it.`;
      problems.push({ line: row.line, problem });
    }
  }
  leftOutUntil(lineCount(file));
  if (drafts.length === 0 && problems.length === 0)
    problems.push({ line: 1, problem: 'there are no rows below the header. Add one, or take the file away.' });
  return { drafts, problems, unknownKeys: (columns ?? []).filter((name) => !isField(name) && name !== 'body') };
}

const lineCount = (file: Buffer): number => file.toString('latin1').trimEnd().split('\n').length;

function brokenProblem({ line, reason }: Broken, last: number): string {
  const lines = last > line ? `Lines ${line} to ${last} are left out` : 'The line is left out';
  return `the row cannot be read as CSV: ${reason}. ${lines}. Put quotes around the value, and double those inside of it.`;
}

function headerProblem(columns: readonly string[]): string | undefined {
  const known = columns.filter((name) => isField(name) || name === 'body');
  const twice = known.find((name, i) => known.indexOf(name) !== i);
  if (twice !== undefined) return `the column ${twice} is there twice. Rename one.`;
  const [misspelt] = columns.flatMap((name) => audienceProblem(name) ?? []);
  if (misspelt !== undefined) return `the column ${misspelt}`;
  const missing = REQUIRED.filter((name) => !known.includes(name));
  if (missing.length === 0) return undefined;
  return `the header must name the columns title and body, with commas between them; ${missing.join(' and ')} is missing.`;
}

function draftOf(columns: readonly string[], { values, line }: Row): Draft {
  const cells = columns.map((name, i) => [name, values[i]?.trim() ?? ''] as const);
  const fields = Object.fromEntries(
    cells.flatMap(([name, cell]): [Field, string | string[]][] =>
      !isField(name) || cell === '' ? [] : [[name, name === 'intents' ? intentsIn(cell) : cell]],
    ),
  ) as Draft['fields'];
  const body = cells.find(([name]) => name === 'body')?.[1] ?? '';
  return { line, fields, lines: {}, body, name: fields.title ?? '' };
}

const REASONS: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quote is opened and never closed',
  CSV_INVALID_CLOSING_QUOTE: 'text follows on a closing quote',
  INVALID_OPENING_QUOTE: 'a quote stands in the middle of a value',
};

/** Reads rows until one cannot be read. @returns why not; undefined at the end of the file */
function readRows(bytes: Buffer, onRow: (values: string[], end: number) => void): string | undefined {
  const onRecord = (values: string[], context: { bytes: number }): null => {
    onRow(values, context.bytes);
    return null;
  };
  try {
    parse(bytes, { on_record: onRecord, skip_empty_lines: true, relax_column_count: true, record_delimiter: ['\r\n', '\n', '\r'] });
    return undefined;
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    return REASONS[error.code] ?? error.message;
  }
}

/** Rows in their order, and in their places those that cannot be read. Lines are counted here: csv-parse takes CRLF inside of quotes for two. */
function* rowsIn(file: Buffer): Generator<Row | Broken> {
  let at = file.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0;
  let line = 1;
  const goTo = (position: number): void => {
    for (let end = file.indexOf(LINE_FEED, at); end !== -1 && end < position; end = file.indexOf(LINE_FEED, end + 1)) line += 1;
    at = position;
  };
  for (let broken = 0; broken < MAX_BROKEN; broken += 1) {
    const base = at;
    const found: { values: string[]; end: number }[] = [];
    const reason = readRows(file.subarray(base), (values, end) => found.push({ values, end: base + end }));
    for (const { values, end } of found) {
      goTo(afterBlankLines(file, at));
      yield { values, line, bytes: file.subarray(at, end) };
      goTo(end);
    }
    if (reason === undefined) return;
    goTo(afterBlankLines(file, at));
    yield { line, reason };
    const next = file.indexOf(LINE_FEED, at);
    if (next === -1) return;
    goTo(next + 1);
  }
}

function afterBlankLines(file: Buffer, from: number): number {
  let at = from;
  while (file[at] === LINE_FEED || file[at] === CARRIAGE_RETURN) at += 1;
  return at;
}
