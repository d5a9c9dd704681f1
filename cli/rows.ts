import { createReadStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { CsvError, parse } from 'csv-parse';
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
export async function readRows(file: string, limit?: number): Promise<Row[]> {
  // Counted here: csv-parse takes CRLF inside of quotes for two lines, and tells of a quote that is never closed at the end of the file.
  let filledLines = 0;
  const lineAfter = (emptyLines: number): number => filledLines + emptyLines + 1;
  let places: readonly number[] | undefined;
  const rows: Row[] = [];
  const read = (record: string[], { empty_lines }: { empty_lines: number }): null => {
    const line = lineAfter(empty_lines);
    filledLines += record.reduce((sum, value) => sum + value.split(/\r\n|\n|\r/).length - 1, 1);
    if (places === undefined) places = placesOf(file, line, record);
    else rows.push(rowOf(file, line, places.map((place) => record[place] ?? '') as [string, string]));
    return null;
  };
  const source = createReadStream(file);
  // The header is a record to csv-parse.
  const to = limit === undefined ? null : limit + 1;
  const parser = source.pipe(parse({ on_record: read, to, bom: true, skip_empty_lines: true, max_record_size: 1_000_000 }));
  source.on('error', (error) => parser.destroy(error));
  try {
    await finished(parser.resume(), { writable: false });
  } catch (error) {
    throw error instanceof CommandFailed ? error : unreadable(file, error as Error, lineAfter(parser.info.empty_lines));
  } finally {
    source.destroy();
  }
  if (rows.length === 0) throw new CommandFailed(`${file}: there are no rows. It needs the header text,label and at least one row.`);
  return rows;
}

function placesOf(file: string, line: number, header: readonly string[]): number[] {
  const wrong = COLUMNS.filter((name) => header.filter((column) => column === name).length !== 1);
  if (wrong.length === 0) return COLUMNS.map((name) => header.indexOf(name));
  throw new CommandFailed(`${file}:${line}: the header must have the columns text and label once each; ${wrong.join(' and ')} has not.`);
}

function rowOf(file: string, line: number, [text, label]: readonly [string, string]): Row {
  const problem = text.trim() === '' ? 'the text is empty' : label.trim() === '' ? 'the label is empty' : undefined;
  if (problem) throw new CommandFailed(`${file}:${line}: ${problem}. Fill it in or take the row out.`);
  if (text.includes('\uFFFD') || label.includes('\uFFFD'))
    throw new CommandFailed(`${file}:${line}: this is not UTF-8. Save the file as UTF-8.`);
  return { file, line, text, label: label.trim() };
}

/** @param line line that the row begins on which cannot be read */
function unreadable(file: string, error: Error, line: number): CommandFailed {
  if (error instanceof CsvError)
    return new CommandFailed(
      `${file}:${line}: this row cannot be read as CSV (RFC 4180): ${error.message.replace(/ (at|on) line \d+/, '')}.`,
    );
  const { code } = error as NodeJS.ErrnoException;
  return new CommandFailed(code === 'ENOENT' ? `${file}: there is no such file.` : `${file}: the file cannot be read (${code}).`);
}
