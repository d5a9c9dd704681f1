import { createHash } from 'node:crypto';

/** Longest text of a passage, UTF-8 bytes: a little more than an encoder reads, so that little is unseen. Longer sections are cut between paragraphs, lines or characters. */
export const MAX_PASSAGE_BYTES = 4000;
const MAX_TITLE_LENGTH = 500;

export interface PassageText {
  /** Article id, `#`, position from 0. */
  readonly id: string;
  /** Title of the article and heading of the section. */
  readonly title: string;
  readonly text: string;
  /** SHA-256 of the text, lower-case hexadecimal. */
  readonly textSha256: string;
}

/** The parts of an article that make sense alone: one for each `##` section, and one for what stands before the first. Never empty for a body with a character in it. */
export function passagesOf(article: { id: string; title: string; body: string }): PassageText[] {
  return sectionsOf(article.body)
    .flatMap(({ heading, text }) => cut(text === '' ? heading : text).map((piece) => ({ heading, text: piece })))
    .map(({ heading, text }, position) => ({
      id: `${article.id}#${position}`,
      title: (heading === '' ? article.title : `${article.title}: ${heading}`).slice(0, MAX_TITLE_LENGTH),
      text,
      textSha256: createHash('sha256').update(text).digest('hex'),
    }));
}

/** Splits Markdown at its `##` headings; those inside fenced code are text. */
function sectionsOf(body: string): { heading: string; text: string }[] {
  const sections = [{ heading: '', lines: [] as string[] }];
  let fence: string | undefined;
  for (const line of body.split(/\r?\n/)) {
    const mark = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1];
    if (fence === undefined && mark !== undefined) fence = mark;
    else if (fence !== undefined && mark?.startsWith(fence)) fence = undefined;
    const heading = fence === undefined ? /^##[ \t]+(.*?)[ \t]*#*[ \t]*$/.exec(line)?.[1] : undefined;
    if (heading === undefined) sections.at(-1)?.lines.push(line);
    else sections.push({ heading, lines: [] });
  }
  return sections
    .map(({ heading, lines }) => ({ heading, text: lines.join('\n').trim() }))
    .filter(({ heading, text }) => heading !== '' || text !== '');
}

const bytes = (text: string): number => Buffer.byteLength(text);

/** Pieces of at most MAX_PASSAGE_BYTES, cut at the coarsest boundary that does. */
function cut(text: string, boundaries: readonly string[] = ['\n\n', '\n', ' ']): string[] {
  if (bytes(text) <= MAX_PASSAGE_BYTES) return [text];
  const [boundary, ...finer] = boundaries;
  if (boundary === undefined) return packed([...text], '');
  return packed(
    text.split(boundary).flatMap((part) => cut(part, finer)),
    boundary,
  )
    .map((piece) => piece.trim())
    .filter((piece) => piece !== '');
}

/** Joins neighbours again as long as they fit. */
function packed(parts: readonly string[], boundary: string): string[] {
  const out: string[] = [];
  let current = parts[0] ?? '';
  let size = bytes(current);
  for (const part of parts.slice(1)) {
    const grown = size + bytes(boundary) + bytes(part);
    if (grown <= MAX_PASSAGE_BYTES) {
      current += boundary + part;
      size = grown;
    } else {
      out.push(current);
      current = part;
      size = bytes(part);
    }
  }
  return [...out, current];
}
