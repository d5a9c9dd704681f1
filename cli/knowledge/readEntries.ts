import type { Article } from '../../gen/replymesh/type/v1/knowledge.js';
import { progressBar } from '../progressBar.js';
import { checkDraft, type Defaults } from './checkDraft.js';
import type { Parsed, Refusal } from './draft.js';
import type { Found } from './gone.js';
import type { Entry } from './source.js';

/** An article with the place that it was read from. */
export interface Read {
  readonly article: Article;
  readonly file: string;
  readonly line: number;
}
export interface Reading extends Found {
  readonly articles: readonly Read[];
  readonly refusals: readonly Refusal[];
  /** How many files have each key that means nothing here. */
  readonly unknownKeys: ReadonlyMap<string, number>;
}

/** Enough that a server's answers are not waited for one by one, few enough for any server. */
const CONCURRENCY = 4;

/** Reads all entries, with a progress bar on a terminal. What cannot be read costs nothing else. */
export async function readEntries(entries: readonly Entry[], defaults: Defaults, signal: AbortSignal): Promise<Reading> {
  const parsed: Parsed[] = new Array(entries.length);
  const bar = progressBar('reading', entries.length);
  let next = 0;
  const reader = async (): Promise<void> => {
    for (let i = next++; i < entries.length; i = next++) {
      signal.throwIfAborted();
      parsed[i] = await entries[i]!.read(signal);
      bar.increment();
    }
  };
  try {
    await Promise.all(Array.from({ length: CONCURRENCY }, reader));
  } finally {
    bar.stop();
  }
  return collect(entries, parsed, defaults);
}

/** Checks what was read; of two articles with one id the first counts. */
export function collect(entries: readonly Entry[], parsed: readonly Parsed[], defaults: Defaults): Reading {
  const articles = new Map<string, Read>();
  const refusals: Refusal[] = [];
  const unread = new Set<string>();
  const unknownKeys = new Map<string, number>();
  for (const [i, entry] of entries.entries()) {
    const { file, source } = entry;
    const { drafts, problems, unknownKeys: keys } = parsed[i]!;
    const before = refusals.length;
    refusals.push(...problems.map((problem) => ({ file, ...problem })));
    for (const draft of drafts) {
      const article = checkDraft(draft, entry, defaults);
      const other = Array.isArray(article) ? undefined : articles.get(article.id);
      if (Array.isArray(article)) refusals.push(...article.map((problem) => ({ file, ...problem })));
      else if (other) refusals.push({ file, line: draft.line, problem: sameId(article.id, other) });
      else articles.set(article.id, { article, file, line: draft.line });
    }
    if (refusals.length > before) unread.add(source);
    for (const key of keys) unknownKeys.set(key, (unknownKeys.get(key) ?? 0) + 1);
  }
  return { articles: [...articles.values()], ids: new Set(articles.keys()), refusals, unread, unknownKeys };
}

const sameId = (id: string, { file, line }: Read): string =>
  `its id "${id}" is that of ${file}:${line}, too. Give one of them an id of its own (id), or another name.`;
