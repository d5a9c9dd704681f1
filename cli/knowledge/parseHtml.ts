import { compile, type FormatCallback, type HtmlToTextOptions } from 'html-to-text';
import { Parser } from 'htmlparser2';
import { type Parsed, refused } from './draft.js';
import { beyondLimits } from './htmlLimits.js';

/** Where the text of a page is, best first; otherwise it is in the body, together with what is around it. */
const MAIN = ['main', '[role=main]', 'article'];
/** What is on a page but not of its text. Pictures go too: their addresses say nothing. */
const AROUND = [
  ...['script', 'style', 'noscript', 'template', 'svg', 'img', 'video', 'audio', 'iframe', 'canvas', 'object'],
  ...['nav', 'footer', 'aside', 'form', 'button', 'dialog', '[hidden]', '[aria-hidden=true]'],
  ...['[role=navigation]', '[role=contentinfo]', '[role=complementary]', '[role=search]'],
];
/** No page of text is nested as deep; what is deeper is left out. */
const MAX_DEPTH = 200;
/** These are around the text only where nothing says which part is the text: inside of that they hold its title. */
const ABOVE = ['header', '[role=banner]'];
const HEADINGS = ['h1', 'h2', 'h3', 'h4', 'h5', 'h6'];

const asHeading: FormatCallback = (element, walk, builder) => {
  builder.openBlock({ leadingLineBreaks: 2 });
  builder.addInline(`${'#'.repeat(Number(element.name?.slice(1)))} `);
  walk(element.children, builder);
  builder.closeBlock({ trailingLineBreaks: 2 });
};
/** Between fences, so that no line of it is a heading. */
const asCode: FormatCallback = (element, walk, builder) => {
  builder.openBlock({ isPre: true, leadingLineBreaks: 2 });
  builder.addLiteral('```\n');
  walk(element.children, builder);
  builder.addLiteral('\n```');
  builder.closeBlock({ trailingLineBreaks: 2 });
};

const optionsFor = (where: readonly string[], around: readonly string[]): HtmlToTextOptions => ({
  wordwrap: false,
  limits: { maxInputLength: Number.MAX_SAFE_INTEGER, maxBaseElements: 1, maxDepth: MAX_DEPTH, ellipsis: '' },
  baseElements: { selectors: [...where], orderBy: 'selectors', returnDomByDefault: where.length === 0 },
  formatters: { asHeading, asCode },
  selectors: [
    ...around.map((selector) => ({ selector, format: 'skip' })),
    ...HEADINGS.map((selector) => ({ selector, format: 'asHeading' })),
    { selector: 'pre', format: 'asCode' },
    { selector: 'a', options: { ignoreHref: true } },
    { selector: 'ul', options: { itemPrefix: '- ' } },
    { selector: 'table', format: 'dataTable', options: { uppercaseHeaderCells: false, maxColumnWidth: Number.MAX_SAFE_INTEGER } },
  ],
});
const mainText = compile(optionsFor(MAIN, AROUND));
const bodyText = compile(optionsFor([], [...AROUND, ...ABOVE, 'title']));

/** One article: the text of the page without what is around it, its first heading or else its `<title>` for the title, and the page's language. */
export function parseHtml(html: string): Parsed {
  const beyond = beyondLimits(html);
  if (beyond) return { drafts: [], problems: [beyond], unknownKeys: [] };
  const lines = (mainText(html) || bodyText(html)).replaceAll('\u00A0', ' ').split('\n');
  const head = readHead(html);
  const heading = lines.findIndex((line) => line.startsWith('# '));
  const title = lines[heading]?.slice(2).trim() || head.title;
  const body = lines
    .filter((_, i) => i !== heading)
    .join('\n')
    .trim();
  if (body === '') return refused(1, 'the page has no text. If a script writes it, import what the script reads, as Markdown or CSV.');
  const fields = { ...(title && { title }), ...(head.language && { language: head.language }) };
  return { drafts: [{ line: 1, fields, lines: {}, body, name: '' }], problems: [], unknownKeys: [] };
}

/** The page's own `<title>`, which pictures have too, and its language. */
function readHead(html: string): { title: string; language: string } {
  let [title, language, element] = ['', '', ''];
  const parser = new Parser({
    onopentag: (name, attributes) => {
      element = name;
      if (name === 'html') language = attributes['lang']?.replaceAll('_', '-') ?? '';
      if (name === 'body') parser.pause();
    },
    ontext: (text) => {
      if (element === 'title') title += text;
    },
    onclosetag: () => {
      element = '';
    },
  });
  parser.end(html);
  return { title: title.replaceAll(/\s+/g, ' ').trim(), language };
}
