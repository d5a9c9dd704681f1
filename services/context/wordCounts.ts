import { setTimeout as wait } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { log } from '../../lib/log.js';
import type { Closable } from '../../lib/shutdown.js';
import { rowsOf, type Store, type Transaction } from './store.js';
import { MOST_RANKED } from './wordQuery.js';

/** How many of a tenant's passages hold each word. */
export interface WordCounts {
  readonly passages: number;
  /** Without the rare ones, of which a search may take any number. */
  readonly holding: ReadonlyMap<string, number>;
}

export interface CountedWords {
  of(tenant: string): WordCounts;
}

const EVERY_MS = 300_000;
const RETRY_MS = 10_000;
/** Of more passages a part is read, always the same one. */
const MOST_READ = 20_000;
/** Fewer than this in what was read say nothing. */
const LEAST = 5;
/** Every word is a rare one. */
export const NO_WORDS: WordCounts = { passages: 0, holding: new Map() };

/** Counts words at the start and again from time to time. What changes meanwhile makes a search longer, or has it rank others of many passages. */
export async function startWordCounts(store: Store, few = MOST_RANKED): Promise<CountedWords & Closable> {
  const stopping = new AbortController();
  let current: ReadonlyMap<string, WordCounts> = new Map();
  /** @returns when to count again, milliseconds */
  const count = async (): Promise<number> => {
    try {
      current = await countWords(store, { few });
      return EVERY_MS;
    } catch (error) {
      log.warn({ error }, 'the words of passages could not be counted: searches go by the counts before');
      return RETRY_MS;
    }
  };
  const first = await count();
  const counting = (async () => {
    for (let ms = first; ; ms = await count()) {
      await wait(ms, undefined, { signal: stopping.signal, ref: false }).catch(() => {});
      if (stopping.signal.aborted) return;
    }
  })();
  return {
    of: (tenant) => current.get(tenant) ?? NO_WORDS,
    close: async () => {
      stopping.abort();
      await counting;
    },
  };
}

/** By tenant, of those with more passages than a search ranks anyway. */
export const countWords = (store: Store, { few = MOST_RANKED, mostRead = MOST_READ } = {}): Promise<ReadonlyMap<string, WordCounts>> =>
  store.background(async (tx) => {
    // The database's own estimate; below 0 where it has none yet.
    const [table] = await rowsOf<{ rows: number }>(
      tx,
      sql`select reltuples::float8 as rows from pg_class where oid = 'passages'::regclass`,
    );
    const share = Math.min(1, mostRead / Math.max(1, table?.rows ?? 0));
    const sample = `passages tablesample system (${100 * share}) repeatable (1)`;
    const tenants = await rowsOf<{ tenant: string; passages: number }>(
      tx,
      sql`select tenant, count(*) / ${share}::float8 as passages from ${sql.raw(sample)} group by tenant having count(*) > ${few}::float8 * ${share}::float8`,
    );
    const counts = new Map<string, WordCounts>();
    for (const { tenant, passages } of tenants) counts.set(tenant, { passages, holding: await countOf(tx, tenant, sample, share) });
    return counts;
  });

async function countOf(tx: Transaction, tenant: string, sample: string, share: number): Promise<ReadonlyMap<string, number>> {
  const rows = await rowsOf<{ word: string; passages: number }>(
    tx,
    sql`
      select word, ndoc / ${share}::float8 as passages
      from ts_stat(format(${`select words from ${sample} where tenant = %L`}, ${tenant}::text)) where ndoc >= ${LEAST}`,
  );
  return new Map(rows.map(({ word, passages }) => [word, passages]));
}
