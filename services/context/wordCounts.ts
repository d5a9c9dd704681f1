import { setTimeout as wait } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { log } from '../../lib/log.js';
import type { Closable } from '../../lib/shutdown.js';
import { rowsOf, type Store } from './store.js';

/** How many passages hold each word, of all tenants: it is the index over all of them that a search reads. */
export interface WordCounts {
  readonly passages: number;
  /** Without the rare ones, of which a search may take any number. */
  readonly holding: ReadonlyMap<string, number>;
}

export interface CountedWords {
  current(): WordCounts;
}

const EVERY_MS = 300_000;
/** Of more passages a part is counted, always the same one. */
const MOST_COUNTED = 50_000;
/** Fewer than this are rare. */
const LEAST = 20;
/** Before anything was counted: every word is a rare one. */
export const NO_WORDS: WordCounts = { passages: 0, holding: new Map() };

/** Counts words anew from time to time: what changes meanwhile makes a search a little longer or shorter, and never wrong. */
export function startWordCounts(store: Store): CountedWords & Closable {
  const stopping = new AbortController();
  let current = NO_WORDS;
  const count = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        current = await countWords(store);
      } catch (error) {
        log.warn({ error }, 'the words of passages could not be counted: searches go by the counts before');
      }
      await wait(EVERY_MS, undefined, { signal: stopping.signal, ref: false }).catch(() => {});
    }
  };
  const counting = count();
  return {
    current: () => current,
    close: async () => {
      stopping.abort();
      await counting;
    },
  };
}

export const countWords = (store: Store, mostCounted = MOST_COUNTED): Promise<WordCounts> =>
  store.background(async (tx) => {
    const [all] = await rowsOf<{ passages: number }>(tx, sql`select count(*)::float8 as passages from passages`);
    const passages = all?.passages ?? 0;
    const percent = Math.min(100, (100 * mostCounted) / Math.max(1, passages));
    const sample = `select words from passages tablesample bernoulli (${percent}) repeatable (1)`;
    const rows = await rowsOf<{ word: string; passages: number }>(
      tx,
      sql`select word, ndoc * ${100 / percent}::float8 as passages from ts_stat(${sample}) where ndoc * ${100 / percent}::float8 >= ${LEAST}`,
    );
    return { passages, holding: new Map(rows.map((row) => [row.word, row.passages])) };
  });
