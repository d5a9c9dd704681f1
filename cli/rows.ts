import { createReadStream } from 'node:fs';
import { type CsvError, parse } from 'csv-parse';
import { StartError } from '../lib/errors.js';

export interface Row {
  readonly line: number;
  readonly text: string;
  readonly label: string;
}

/** Rows of a CSV file (RFC 4180, UTF-8) with the header `text,label`. @throws StartError that names file and line */
export async function readRows(file: string, limit = Number.POSITIVE_INFINITY): Promise<Row[]> {
  const rows: Row[] = [];
  const parser = createReadStream(file)
    .on('error', (error) => parser.destroy(error))
    .pipe(parse({ columns: true, info: true, bom: true, skip_empty_lines: true }));
  try {
    for await (const { record, info } of parser as AsyncIterable<{ record: Record<string, string>; info: { lines: number } }>) {
      const { text, label } = record;
      if (text === undefined || label === undefined) throw new StartError(`${file}: the header must have the columns text and label.`);
      if (text.trim() === '' || label.trim() === '') throw new StartError(`${file}:${info.lines}: text and label must not be empty.`);
      if (text.includes('\uFFFD')) throw new StartError(`${file}:${info.lines}: this is not UTF-8. Save the file as UTF-8.`);
      rows.push({ line: info.lines, text, label });
      if (rows.length >= limit) break;
    }
  } catch (error) {
    if (error instanceof StartError) throw error;
    const { message, lines } = error as CsvError & { lines?: number };
    throw new StartError(`${file}${lines ? `:${lines}` : ''}: cannot be read as CSV: ${message}.`);
  }
  if (rows.length === 0) throw new StartError(`${file}: there are no rows. It needs the header text,label and at least one row.`);
  return rows;
}
