import { setImmediate as turn } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import type { Query } from '../../gen/replymesh/type/v1/decision.js';
import type { Within } from '../../lib/call.js';
import { TEXT_FEATURES, textFeatures, wordsOf } from '../../lib/textFeatures.js';
import type { ContentKeys } from './contentKeys.js';
import type { DriftRow } from './drift.js';
import { KEY_OF_QUERY, openQuery, SEALED_RECORD, type SealedRecord } from './sealedQuery.js';
import { millis, rowsOf, type Store } from './store.js';

/** Which messages. */
export interface DriftWindow {
  readonly bundleDigest: string;
  readonly labelSpace: string;
  readonly start: Date;
  readonly end: Date;
}

/** Most messages that are compared: more would change no verdict. */
export const MOST_ROWS = 2000;
/** Of many messages, the last ones of each of so many equal parts of the time between the first and the last are looked at. */
const PARTS = 100;
/** So many of each, which leaves enough where nearly all came at once. */
const MOST_OF_A_PART = 200;
/** Records that are opened before others get their turn: some milliseconds. */
const AT_ONCE = 50;

interface Extent {
  readonly first: number | null;
  readonly last: number | null;
}

/**
 * Reads a window's messages: all, or of many a part from the whole of it. Texts are opened here and leave as numbers.
 * Those of erased customers cannot be opened, and are none.
 */
export async function readDriftWindow(
  { store, keys }: { store: Store; keys: ContentKeys },
  call: Within,
  window: DriftWindow,
  leastRows: number,
): Promise<{ readonly rows: DriftRow[]; readonly count: number }> {
  const { count, sealed } = await store.within(call, async (tx) => {
    const within = sql`
      q.created_at >= ${window.start.toISOString()}::timestamptz and q.created_at < ${window.end.toISOString()}::timestamptz
      and q.model_version = ${window.bundleDigest} and q.label_space = ${window.labelSpace}`;
    const [counted] = await rowsOf<{ count: number }>(
      tx,
      sql`
        select count(*)::int as count from (select from queries q where ${within} limit ${MOST_ROWS + 1}) counted`,
    );
    // One more than MOST_ROWS when there are more.
    const { count } = counted!;
    if (count < leastRows || count === 0) return { count, sealed: [] };
    const parts = count > MOST_ROWS ? PARTS : 1;
    const [{ first, last }] = (await rowsOf<Extent>(
      tx,
      sql`select ${millis('min(q.created_at)')} as first, ${millis('max(q.created_at)')} as last from queries q where ${within}`,
    )) as [Extent];
    const step = (Number(last) + 1 - Number(first)) / parts;
    const from = sql`to_timestamp((${Number(first)}::float8 + part * ${step}::float8) / 1000)`;
    const to = sql`to_timestamp((${Number(first)}::float8 + (part + 1) * ${step}::float8) / 1000)`;
    const rows = await rowsOf<SealedRecord>(
      tx,
      sql`
        with chosen as (
          select last.*, row_number() over (order by last.created_at, last.id) as place, count(*) over () as count
          from generate_series(0, ${parts - 1}::int) part cross join lateral (
            select q.id, q.created_at from queries q where ${within} and q.created_at >= ${from} and q.created_at < ${to}
            order by q.created_at desc, q.id desc limit ${parts === 1 ? MOST_ROWS : MOST_OF_A_PART}
          ) last
        )
        select ${SEALED_RECORD} from chosen join queries q using (id, created_at) ${KEY_OF_QUERY}
        where place % ceil(count / ${MOST_ROWS}::float8)::int = 0`,
    );
    return { count, sealed: rows };
  });
  const rows: DriftRow[] = [];
  for (const [i, row] of sealed.entries()) {
    if (i % AT_ONCE === 0) await turn();
    const query = openQuery(keys, call.principal.tenant, row);
    if (query?.decision) rows.push(driftRowOf(query));
  }
  return { rows, count };
}

const encoder = new TextEncoder();

function driftRowOf({ text, decision }: Query): DriftRow {
  const bytes = encoder.encode(text);
  const values = textFeatures(bytes, wordsOf(bytes));
  return {
    features: Object.fromEntries(TEXT_FEATURES.map((name, i) => [name, values[i]!])),
    intent: decision?.intents[0]?.label ?? '',
    confidence: decision?.confidence ?? 0,
    outOfScope: decision?.outOfScope?.isOutOfScope ?? false,
  };
}
