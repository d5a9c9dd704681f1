import { createReadStream } from 'node:fs';
import { type CsvError, parse } from 'csv-parse';
import { CommandFailed } from './failure.js';

export interface Row {
  readonly file: string;
  /** Line that the row begins on, from 1. */
  readonly line: number;
  readonly text: string;
  readonly label: string;
}

const COLUMNS = ['text', 'label'] as const;

/** Rows of a CSV file (RFC 4180, UTF-8) with the columns `text` and `label`; others are left out. @throws CommandFailed that names file and line */
export async function readRows(file: string, limit = Number.POSITIVE_INFINITY): Promise<Row[]> {
  const rows: Row[] = [];
  const columns = (header: string[]): string[] => {
    const wrong = COLUMNS.filter((name) => header.filter((column) => column === name).length !== 1);
    if (wrong.length === 0) return header;
    throw new CommandFailed(`${file}:1: the header must have the columns text and label once each; ${wrong.join(' and ')} has not.`);
  };
  const source = createReadStream(file);
  const parser = source.pipe(parse({ columns, info: true, bom: true, skip_empty_lines: true, max_record_size: 1_000_000 }));
  source.on('error', (error) => parser.destroy(error));
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: Record<string, string>; info: { lines: number } }>) {
      rows.push(rowOf(file, record, info.lines));
      if (rows.length >= limit) break;
    }
  } catch (error) {
    throw error instanceof CommandFailed ? error : new CommandFailed(whyUnreadable(file, error as CsvError & { lines?: number }));
  } finally {
    source.destroy();
  }
  if (rows.length === 0) throw new CommandFailed(`${file}: there are no rows. It needs the header text,label and at least one row.`);
  return rows;
}

/** @param lastLine line that the row ends on */
function rowOf(file: string, record: Record<string, string>, lastLine: number): Row {
  const inside = Object.values(record).reduce((sum, value) => sum + value.split(/\r\n|\n|\r/).length - 1, 0);
  const line = lastLine - inside;
  const [text, label] = COLUMNS.map((name) => record[name] ?? '') as [string, string];
  const problem = text.trim() === '' ? 'the text is empty' : label.trim() === '' ? 'the label is empty' : undefined;
  if (problem) throw new CommandFailed(`${file}:${line}: ${problem}. Fill it in or take the row out.`);
  if (text.includes('\uFFFD') || label.includes('\uFFFD'))
    throw new CommandFailed(`${file}:${line}: this is not UTF-8. Save the file as UTF-8.`);
  return { file, line, text, label: label.trim() };
}

function whyUnreadable(file: string, { code, message, lines }: CsvError & { lines?: number }): string {
  if (String(code) === 'ENOENT') return `${file}: there is no such file.`;
  return `${file}${lines ? `:${lines}` : ''}: cannot be read as CSV (RFC 4180): ${message}.`;
}
