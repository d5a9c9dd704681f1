import { isUtf8 } from 'node:buffer';
import type { Problem } from './draft.js';

const NEWLINE = 0x0a;
const BYTE_ORDER_MARK = '\uFEFF';
export const NOT_UTF8 = 'this is not UTF-8. Save the file as UTF-8.';

/** The text of a file, or why there is none. */
export function decode(bytes: Buffer): string | Problem {
  if (!isUtf8(bytes)) return { line: firstLineThatIsNot(bytes), problem: NOT_UTF8 };
  const text = bytes.toString('utf8');
  const content = text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
  return content.trim() === '' ? { line: 1, problem: 'the file is empty. Fill it in or take it away.' } : content;
}

/** No character of UTF-8 but the line break itself has its byte. */
function firstLineThatIsNot(bytes: Buffer): number {
  for (let line = 1, start = 0; ; line += 1) {
    const end = bytes.indexOf(NEWLINE, start);
    if (end === -1 || !isUtf8(bytes.subarray(start, end))) return line;
    start = end + 1;
  }
}

/** Line that a position of a text is on, from 1. */
export function lineAt(text: string, position: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < position; at = text.indexOf('\n', at + 1)) line += 1;
  return line;
}
