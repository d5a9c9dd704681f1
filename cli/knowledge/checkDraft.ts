import { createHash } from 'node:crypto';
import { Article, Audience } from '../../gen/replymesh/type/v1/knowledge.js';
import { messageType, violationsOf } from '../../lib/contract.js';
import { articleIdOf } from './articleId.js';
import type { Draft, Field, Problem } from './draft.js';

/** Where a file stands among those that are imported with it. */
export interface Place {
  /** What the mesh keeps as the article's source. */
  readonly source: string;
  /** Path from the root without its ending, which ids are made of. */
  readonly path: string;
}

/** What an article is whose source does not say. */
export interface Defaults {
  readonly audience?: string | undefined;
  readonly language?: string | undefined;
}

const AUDIENCES: Readonly<Record<string, Audience>> = { PUBLIC: Audience.PUBLIC, AGENT: Audience.AGENT };
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/;
const schema = messageType('replymesh.type.v1.Article');

/** The article of a draft, with the hash of all that its source says; or what is wrong with it, and how to mend it. */
export function checkDraft(draft: Draft, place: Place, defaults: Defaults): Article | Problem[] {
  const { fields, body, name } = draft;
  const audience = (fields.audience ?? defaults.audience ?? 'PUBLIC').toUpperCase();
  const staleTime = fields.stale_at === undefined ? undefined : timeOf(fields.stale_at);
  const said = {
    id: fields.id ?? articleIdOf(name === '' ? place.path : `${place.path}/${name}`),
    title: fields.title ?? '',
    body,
    language: fields.language ?? defaults.language ?? '',
    audience: AUDIENCES[audience],
    intents: [...new Set(fields.intents)],
    staleTime,
  };
  const own: [Field | 'body', string][] = [];
  if (said.audience === undefined)
    own.push(['audience', `the audience "${fields.audience ?? defaults.audience}" is not known. Use PUBLIC or AGENT.`]);
  if (fields.stale_at !== undefined && staleTime === undefined)
    own.push(['stale_at', `"${fields.stale_at}" is no day. Write it as 2027-01-31, or with a time as 2027-01-31T12:00:00Z.`]);
  const article = Article.fromPartial({ ...said, source: place.source, sourceSha256: hashOf(said) });
  const broken = new Set(violationsOf(schema, Article.encode(article).finish()).map(({ field }) => field.replace(/[.[].*/, '')));
  const problems = [...own, ...[...broken].map((field) => [field, cureOf(field, article)] as const)];
  if (problems.length === 0) return article;
  return problems.map(([field, problem]) => ({ line: draft.lines[field as Field] ?? draft.line, problem }));
}

/** All that makes the article, so that whatever changes in it is seen, and nothing else. */
const hashOf = (said: object): string => createHash('sha256').update(JSON.stringify(said)).digest('hex');

/** A day begins at midnight, UTC. Undefined when it is no day of the calendar. */
function timeOf(text: string): Date | undefined {
  if (!DAY.test(text) && !TIME.test(text)) return undefined;
  const day = text.slice(0, 10);
  const isDay = new Date(`${day}T00:00:00Z`).toJSON()?.slice(0, 10) === day;
  const time = new Date(text);
  return isDay && !Number.isNaN(time.getTime()) ? time : undefined;
}

const number = new Intl.NumberFormat('en');

/** What to do about a field that the contract refuses. */
function cureOf(field: string, { id, title, body, language, intents }: Article): string {
  switch (field) {
    case 'id':
      return `the id "${id}" does not do. Use 3 to 63 small letters, digits and "-", not "-" first.`;
    case 'title':
      return title === ''
        ? 'there is no title. Write one: "# …" above the text, or "title: …" between lines of --- at the top of the file.'
        : `the title has ${number.format([...title].length)} characters of at most 200. Shorten it.`;
    case 'body':
      return body === ''
        ? 'there is no text. Write some, or take it away.'
        : `the text has ${number.format(Buffer.byteLength(body))} bytes of at most 200,000. Split it at its headings into several articles.`;
    case 'language':
      return `"${language}" is no language tag (BCP 47). Write one such as en or pt-BR.`;
    case 'intents':
      return `there are ${intents.length} intents of at most 64, or one has more than 128 characters. Leave some out.`;
    case 'stale_time':
      return 'the day of staleness must be between the years 1970 and 9999.';
    default:
      return `${field} breaks the contract. Change it.`;
  }
}
