import { decode } from './decode.js';
import type { Parsed } from './draft.js';
import { parseCsv } from './parseCsv.js';
import { parseHtml } from './parseHtml.js';
import { parseMarkdown } from './parseMarkdown.js';

/** A kind of file that articles are read from. */
export interface Kind {
  readonly endings: readonly string[];
  readonly mediaTypes: readonly string[];
  /** Larger files are not read at all: an article has at most 200,000 bytes, and a page little around it. */
  readonly maxBytes: number;
  readonly parse: (bytes: Buffer) => Parsed;
}

const MEGABYTE = 1_000_000;

const ofText =
  (parse: (text: string) => Parsed) =>
  (bytes: Buffer): Parsed => {
    const text = decode(bytes);
    return typeof text === 'string' ? parse(text) : { drafts: [], problems: [text], unknownKeys: [] };
  };

const KINDS: readonly Kind[] = [
  { endings: ['.md', '.markdown'], mediaTypes: ['text/markdown', 'text/x-markdown'], maxBytes: 5 * MEGABYTE, parse: ofText(parseMarkdown) },
  { endings: ['.html', '.htm'], mediaTypes: ['text/html', 'application/xhtml+xml'], maxBytes: 5 * MEGABYTE, parse: ofText(parseHtml) },
  { endings: ['.csv'], mediaTypes: ['text/csv'], maxBytes: 250 * MEGABYTE, parse: parseCsv },
];

export const ENDINGS: readonly string[] = KINDS.flatMap((kind) => kind.endings);

const endingOf = (path: string): string => /\.[^./]*$/.exec(path)?.[0].toLowerCase() ?? '';
export const kindOfPath = (path: string): Kind | undefined => KINDS.find((kind) => kind.endings.includes(endingOf(path)));
/** By what a server says; by the path where it says no more than "text" or "bytes". */
export const kindOfResponse = (mediaType: string, path: string): Kind | undefined =>
  KINDS.find((kind) => kind.mediaTypes.includes(mediaType)) ??
  (['', 'text/plain', 'application/octet-stream'].includes(mediaType) ? kindOfPath(path) : undefined);

/** A path without the ending of a kind. */
export const withoutEnding = (path: string): string => (kindOfPath(path) ? path.slice(0, -endingOf(path).length) : path);

/** What to say of a file that is larger than its kind may be. */
export const tooLarge = (bytes: number | undefined, { maxBytes }: Kind): string =>
  `the file has ${bytes === undefined ? 'more than' : `${(bytes / MEGABYTE).toFixed(1)} MB of at most`} ${maxBytes / MEGABYTE} MB, and an article at most 0.2 MB. Split it at its headings into several files.`;
