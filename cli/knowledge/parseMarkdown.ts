import { isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import { lineAt } from './decode.js';
import { audienceProblem, type Field, type Fields, intentsIn, isField, type Parsed, type Problem, refused } from './draft.js';

const OPENED = /^---[ \t]*\r?\n/;
const FRONT_MATTER = /^---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|$)/ms;
/** A heading longer than this is a paragraph; it bounds what the expressions below look at, too. */
const MAX_HEADING = 1000;

/** One article: YAML front matter between lines of `---` may set the fields, and the first heading is the title where it does not. */
export function parseMarkdown(text: string): Parsed {
  const front = OPENED.test(text) ? FRONT_MATTER.exec(text) : undefined;
  if (front === null)
    return refused(1, 'the front matter that begins here has no end. Close it with a line of ---, or begin the file with something else.');
  const matter = readFrontMatter(front?.[1] ?? '');
  if ('problem' in matter) return { drafts: [], problems: [matter], unknownKeys: [] };
  const content = text.slice(front?.[0].length ?? 0).trimStart();
  const heading = firstHeading(content);
  const title = matter.fields.title ?? heading?.title;
  const body = (heading && heading.title === title ? content.slice(heading.length) : content).trim();
  const draft = {
    line: lineAt(text, text.length - content.length),
    fields: title === undefined ? matter.fields : { ...matter.fields, title },
    lines: matter.lines,
    body,
    name: '',
  };
  return { drafts: [draft], problems: [], unknownKeys: matter.unknownKeys };
}

/** The first-level heading that a text begins with, underlined or not, and how many characters it takes. */
function firstHeading(content: string): { title: string; length: number } | undefined {
  const [first = '', second = ''] = content.slice(0, 2 * MAX_HEADING).split('\n', 2);
  if (first.length > MAX_HEADING) return undefined;
  const marked = /^#[ \t]+(.*)$/.exec(first.trimEnd())?.[1]?.replace(/[ \t]+#+$/, '');
  if (marked !== undefined) return { title: marked.trim(), length: first.length };
  return /^=+\s*$/.test(second) && first.trim() !== '' ? { title: first.trim(), length: first.length + 1 + second.length } : undefined;
}

interface FrontMatter {
  readonly fields: Fields;
  readonly lines: Readonly<Partial<Record<Field, number>>>;
  readonly unknownKeys: readonly string[];
}

function readFrontMatter(yaml: string): FrontMatter | Problem {
  const counter = new LineCounter();
  // The schema in which every value is the text that stands there: 1.10 is no number, a date no time.
  const document = parseDocument(yaml, { lineCounter: counter, prettyErrors: false, schema: 'failsafe' });
  // The first line of the file is the fence.
  const lineOf = (offset: number): number => counter.linePos(offset).line + 1;
  const [error] = document.errors;
  if (error) return { line: lineOf(error.pos[0]), problem: `this is not YAML: ${error.message}. Put the value into quotes, or mend it.` };
  const { contents } = document;
  if (contents !== null && !isMap(contents)) return { line: 2, problem: 'the front matter must be lines of "key: value".' };
  const fields: Partial<Record<Field, string | string[]>> = {};
  const lines: Partial<Record<Field, number>> = {};
  const unknownKeys: string[] = [];
  for (const { key, value } of contents?.items ?? []) {
    const name = isScalar(key) ? String(key.value) : '';
    const line = lineOf((isScalar(key) && key.range?.[0]) || 0);
    if (!isField(name)) {
      const misspelt = audienceProblem(name);
      if (misspelt !== undefined) return { line, problem: `the key ${misspelt}` };
      unknownKeys.push(name);
      continue;
    }
    lines[name] = line;
    const read = readValue(name, value);
    if (read === undefined) return { line, problem: `${name} must be one value${name === 'intents' ? ', or a list of them' : ''}.` };
    if (read.length > 0) fields[name] = read;
  }
  return { fields: fields as Fields, lines, unknownKeys };
}

/** Undefined when a field has a value of another shape. */
function readValue(name: Field, value: unknown): string | string[] | undefined {
  if (name === 'intents' && isSeq(value)) {
    const items = value.items.map((item) => (isScalar(item) && typeof item.value === 'string' ? item.value : undefined));
    return items.every((item) => item !== undefined) ? items : undefined;
  }
  const text = isScalar(value) ? (value.value ?? '') : (value ?? '');
  if (typeof text !== 'string') return undefined;
  return name === 'intents' ? intentsIn(text) : text.trim();
}
