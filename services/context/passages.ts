import { createHash } from 'node:crypto';
import { countTokens } from './tokenCount.js';

/** Most tokens of a passage with its title, as `countTokens` sees them: the encoder reads 256, and some languages take up to a quarter more than that. */
export const MAX_PASSAGE_TOKENS = 200;
/** Longest text of a passage, UTF-8 bytes: white space is no token. */
export const MAX_PASSAGE_BYTES = 4000;
/** However long the title, a passage has room for so many tokens of text. */
const MIN_TEXT_TOKENS = 100;
const MAX_TITLE_LENGTH = 500;
/** Sections end at these headings; at the others, coarse before fine, only when a section is too long. */
const SECTION_LEVEL = 2;
const FINER_LEVELS = [1, 3, 4, 5, 6] as const;

export interface PassageText {
  /** Article id, `#`, position from 0. */
  readonly id: string;
  /** Title of the article and headings of the section. */
  readonly title: string;
  readonly text: string;
  /** SHA-256 of the text, lower-case hexadecimal. */
  readonly textSha256: string;
}

interface Section {
  /** Title of the article, then the headings that the text stands under. */
  readonly titles: readonly string[];
  readonly text: string;
}

/**
 * The parts of an article that make sense alone and that the encoder reads whole: one for each `##` section and one for what stands before the first;
 * a longer section is cut at its finer headings, then between paragraphs, lines, sentences, words, characters. Never empty for a body with a character in it.
 */
export function passagesOf(article: { id: string; title: string; body: string }): PassageText[] {
  return sectionsOf({ titles: [article.title], text: article.body }, SECTION_LEVEL)
    .flatMap((section) => fitted(section, FINER_LEVELS))
    .map((section, position) => ({
      id: `${article.id}#${position}`,
      title: titleOf(section),
      text: section.text,
      textSha256: createHash('sha256').update(section.text).digest('hex'),
    }));
}

const titleOf = ({ titles }: Section): string => titles.join(': ').slice(0, MAX_TITLE_LENGTH);

/** Splits Markdown at its headings of one level; those inside fenced code are text. A section of nothing but its heading has that for its text. */
function sectionsOf({ titles, text }: Section, level: number): Section[] {
  const headingLine = new RegExp(`^#{${level}}[ \\t]+(.*?)[ \\t]*#*[ \\t]*$`);
  const parts = [{ heading: '', lines: [] as string[] }];
  let fence: string | undefined;
  for (const line of text.split(/\r?\n/)) {
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1];
    if (fence === undefined && mark !== undefined) fence = mark;
    else if (fence !== undefined && mark?.startsWith(fence)) fence = undefined;
    const heading = fence === undefined ? headingLine.exec(line)?.[1] : undefined;
    if (heading === undefined) parts.at(-1)?.lines.push(line);
    else parts.push({ heading, lines: [] });
  }
  return parts
    .map(({ heading, lines }) => ({ titles: heading === '' ? titles : [...titles, heading], text: lines.join('\n').trim() || heading }))
    .filter((section) => section.text !== '');
}

/** Sections that fit, of one that may not. */
function fitted(section: Section, levels: readonly number[]): Section[] {
  const room = { tokens: Math.max(MIN_TEXT_TOKENS, MAX_PASSAGE_TOKENS - countTokens(titleOf(section))), bytes: MAX_PASSAGE_BYTES };
  if (fits(sizeOf(section.text), room)) return [section];
  const [level, ...finer] = levels;
  if (level !== undefined) return sectionsOf(section, level).flatMap((part) => fitted(part, finer));
  return cut(section.text, room, BOUNDARIES).map((text) => ({ titles: section.titles, text }));
}

interface Size {
  readonly tokens: number;
  readonly bytes: number;
}
const sizeOf = (text: string): Size => ({ tokens: countTokens(text), bytes: Buffer.byteLength(text) });
const sum = (...sizes: readonly Size[]): Size =>
  sizes.reduce((a, b) => ({ tokens: a.tokens + b.tokens, bytes: a.bytes + b.bytes }), { tokens: 0, bytes: 0 });
const fits = (size: Size, room: Size): boolean => size.tokens <= room.tokens && size.bytes <= room.bytes;

interface Boundary {
  readonly split: (text: string) => string[];
  /** What stands between the parts. */
  readonly between: string;
}
const sentences = new Intl.Segmenter('en', { granularity: 'sentence' });
const at = (between: string): Boundary => ({ split: (text) => text.split(between), between });
const BOUNDARIES: readonly Boundary[] = [
  at('\n\n'),
  at('\n'),
  { split: (text) => Array.from(sentences.segment(text), ({ segment }) => segment), between: '' },
  at(' '),
  { split: (text) => [...text], between: '' },
];

/** Pieces that fit, cut at the coarsest boundary that does. */
function cut(text: string, room: Size, [boundary, ...finer]: readonly Boundary[]): string[] {
  if (boundary === undefined || fits(sizeOf(text), room)) return [text];
  const parts = boundary.split(text).flatMap((part) => cut(part, room, finer));
  return packed(parts, boundary.between, room)
    .map((piece) => piece.trim())
    .filter((piece) => piece !== '');
}

/** Joins neighbours again as long as they fit. Sizes are added up, not measured again: that would take seconds for the longest article. */
function packed(parts: readonly string[], between: string, room: Size): string[] {
  const out: string[] = [];
  let current = parts[0] ?? '';
  let size = sizeOf(current);
  for (const part of parts.slice(1)) {
    const own = sizeOf(part);
    const grown = sum(size, sizeOf(between), own);
    if (fits(grown, room)) {
      current += between + part;
      size = grown;
    } else {
      out.push(current);
      current = part;
      size = own;
    }
  }
  return [...out, current];
}
