import { type SQL, sql } from 'drizzle-orm';
import { Channel } from '../../gen/replymesh/type/v1/customer.js';
import { CONFIDENCE, RESPONSE_TIME, UNCERTAINTY } from './analyticsBins.js';
import type { Grain, Period, Range } from './analyticsPeriod.js';
import {
  binsOf,
  COUNT_SUMS,
  changesOfFeedback,
  countsOf,
  KEYS,
  list,
  type Place,
  recordedQueries,
  type Span,
  type TenantHour,
  votesOf,
} from './analyticsRows.js';
import { rowsOf, type Transaction } from './store.js';

/** Histograms of `analytics_histograms` and how many bins they have. */
const HISTOGRAMS = { confidence: CONFIDENCE.bins, uncertainty: UNCERTAINTY.bins, response_time: RESPONSE_TIME.bins } as const;
export type Histogram = keyof typeof HISTOGRAMS;
const HISTOGRAM_NAMES = Object.keys(HISTOGRAMS) as Histogram[];
const VOTE_KEYS = ['label_space', 'model_version', 'member'] as const;
const VOTE_SUMS = ['votes', 'agreed'] as const;

/** An array of one expression for each bin. */
const array = (histogram: Histogram, each: (bin: number) => string): string =>
  `array[${Array.from({ length: HISTOGRAMS[histogram] }, (_, i) => each(i + 1)).join(', ')}]`;

/** Adds rows of `countsOf` to the roll-ups of each grain. */
export const addCounts = (tx: Transaction, rows: SQL, grains: readonly Grain[]): Promise<unknown> =>
  tx.execute(sql`
    insert into analytics_counts as c (tenant, grain, starts_at, ${list(KEYS)}, ${list(COUNT_SUMS)})
    ${grouped(
      rows,
      grains,
      KEYS,
      list(COUNT_SUMS, (column) => `sum(${column})`),
    )}
    on conflict (tenant, grain, starts_at, ${list(KEYS)}) do update set ${list(COUNT_SUMS, (column) => `${column} = c.${column} + excluded.${column}`)}`);

/** Adds histograms, one for each key and period: what `binned` or `histogramsOfHours` gives. */
export const addHistograms = (tx: Transaction, histograms: SQL): Promise<unknown> =>
  tx.execute(sql`
    insert into analytics_histograms as h (tenant, grain, starts_at, ${list(KEYS)}, ${list(HISTOGRAM_NAMES)})
    ${histograms}
    on conflict (tenant, grain, starts_at, ${list(KEYS)}) do update set ${sql.raw(
      HISTOGRAM_NAMES.map((name) => `${name} = ${array(name, (i) => `h.${name}[${i}] + excluded.${name}[${i}]`)}`).join(', '),
    )}`);

/** Adds rows of `votesOf`. */
export const addVotes = (tx: Transaction, rows: SQL, grains: readonly Grain[]): Promise<unknown> =>
  tx.execute(sql`
    insert into analytics_votes as v (tenant, grain, starts_at, ${list(VOTE_KEYS)}, ${list(VOTE_SUMS)})
    ${grouped(
      rows,
      grains,
      VOTE_KEYS,
      list(VOTE_SUMS, (column) => `sum(${column})`),
    )}
    on conflict (tenant, grain, starts_at, ${list(VOTE_KEYS)}) do update set ${list(VOTE_SUMS, (column) => `${column} = v.${column} + excluded.${column}`)}`);

/** Histograms of rows of `binsOf`. */
export const binned = (rows: SQL, grains: readonly Grain[]): SQL =>
  grouped(
    rows,
    grains,
    KEYS,
    sql.raw(HISTOGRAM_NAMES.map((name) => `${array(name, (i) => `count(*) filter (where ${name} = ${i})`)} as ${name}`).join(', ')),
  );

const grouped = (rows: SQL, grains: readonly Grain[], keys: readonly string[], aggregates: SQL): SQL => sql`
  select tenant, grain, date_trunc(grain, at, 'UTC') as starts_at, ${list(keys)}, ${aggregates}
  from (${rows}) r cross join (values ${sql.raw(grains.map((grain) => `('${grain}')`).join(', '))}) g(grain)
  group by tenant, grain, date_trunc(grain, at, 'UTC'), ${list(keys)}`;

/** The sum of arrays, bin by bin, as numbers that JavaScript reads. */
const sumOfBins = (name: Histogram): string => array(name, (i) => `coalesce(sum(${name}[${i}]), 0)::float8`);

const hoursOf = (table: string, { tenant, ...period }: TenantHour): SQL =>
  sql`${sql.raw(table)} where tenant = ${tenant} and grain = 'hour' and ${during('starts_at', period)}`;

/** The hours of a day as rows to add to it; `to` is the end of the day. */
export const countsOfHours = (day: TenantHour): SQL =>
  sql`select tenant, starts_at as at, ${list(KEYS)}, ${list(COUNT_SUMS)} from ${hoursOf('analytics_counts', day)}`;
export const votesOfHours = (day: TenantHour): SQL =>
  sql`select tenant, starts_at as at, ${list(VOTE_KEYS)}, ${list(VOTE_SUMS)} from ${hoursOf('analytics_votes', day)}`;
export const histogramsOfHours = (day: TenantHour): SQL => sql`
  select tenant, 'day', date_trunc('day', starts_at, 'UTC'), ${list(KEYS)}, ${histogramTotals()}
  from ${hoursOf('analytics_histograms', day)} group by tenant, date_trunc('day', starts_at, 'UTC'), ${list(KEYS)}`;

/** How far the roll-ups are. */
export interface Progress {
  readonly place: Place;
  readonly recounting: boolean;
}

export const readProgress = (tx: Transaction): Promise<Progress> => progressOf(tx, sql``);
/** The same, and nobody else moves it until the transaction ends. */
export const lockProgress = (tx: Transaction): Promise<Progress> => progressOf(tx, sql`for update`);

async function progressOf(tx: Transaction, lock: SQL): Promise<Progress> {
  const [row] = await rowsOf<Place & { readonly recounting: boolean }>(
    tx,
    sql`select transaction_id::text as "transactionId", position::float8 as position, recounting from analytics_progress where tenant = '' ${lock}`,
  );
  if (!row) throw new Error('analytics_progress has lost its row: put it back as docs/explanation/analytics.md says.');
  return { place: { transactionId: row.transactionId, position: row.position }, recounting: row.recounting };
}

/** What is read: parts of a period, of which messages, and where the roll-ups end. */
export interface Scope {
  readonly period: Period;
  readonly ranges: readonly Range[];
  /** On the keys of a message. */
  readonly filter: SQL;
  readonly progress: Progress;
}

/** Binds a transaction to one view of the database, so that a message is in the roll-ups or in the events after them and never in both. First thing in it. */
export async function openScope(tx: Transaction, asked: Omit<Scope, 'progress'>): Promise<Scope> {
  await tx.execute(sql`set transaction isolation level repeatable read, read only`);
  return { ...asked, progress: await readProgress(tx) };
}

/** The messages that a request asks for. */
export function filterOf(asked: { labelSpace?: string; intent?: string; channel?: Channel; bundleDigest?: string }): SQL {
  const conditions = [
    ...(asked.labelSpace ? [sql`label_space = ${asked.labelSpace}`] : []),
    ...(asked.intent ? [sql`intent = ${asked.intent}`] : []),
    ...(asked.channel ? [sql`channel = ${Channel[asked.channel]}`] : []),
    ...(asked.bundleDigest ? [sql`model_version = ${asked.bundleDigest}`] : []),
  ];
  return conditions.length === 0 ? sql`true` : sql.join(conditions, sql` and `);
}

/** Rows of counts with `at` and the keys: the roll-ups of the ranges and what came after them. Add them up. */
export const countsIn = (scope: Scope): SQL => {
  const span: Span = { after: scope.progress.place };
  const columns = sql`${list(KEYS)}, ${list(COUNT_SUMS)}`;
  const tail = sql`select * from (${countsOf(recordedQueries(span))}) recorded union all select * from (${changesOfFeedback(span)}) told`;
  return union(scope, 'analytics_counts', columns, sql`select at, ${columns} from (${tail}) tail`);
};

/** Rows of histograms with `starts_at` as `at`, in the same way. */
export const histogramsIn = (scope: Scope): SQL => {
  const columns = list([...KEYS, ...HISTOGRAM_NAMES]);
  const tail = binned(binsOf(recordedQueries({ after: scope.progress.place })), ['hour']);
  return union(scope, 'analytics_histograms', columns, sql`select starts_at as at, ${columns} from (${tail}) tail`);
};

/** Rows of votes, in the same way. */
export const votesIn = (scope: Scope): SQL => {
  const columns = list([...VOTE_KEYS, ...VOTE_SUMS]);
  const tail = votesOf(recordedQueries({ after: scope.progress.place }));
  return union(scope, 'analytics_votes', columns, sql`select at, ${columns} from (${tail}) tail`);
};

const during = (column: string, { from, to }: Period): SQL =>
  sql`${sql.raw(column)} >= ${from.toISOString()}::timestamptz and ${sql.raw(column)} < ${to.toISOString()}::timestamptz`;

/** One part for each range, so that each reads just its piece of the key. */
function union({ ranges, period, filter }: Scope, table: string, columns: SQL, tail: SQL): SQL {
  const rolledUp = ranges.map(
    (range) => sql`
      select starts_at as at, ${columns} from ${sql.identifier(table)}
      where grain = ${range.grain} and ${during('starts_at', range)} and ${filter}`,
  );
  return sql.join([...rolledUp, sql`select * from (${tail}) t where ${during('at', period)} and ${filter}`], sql` union all `);
}

/** Sums over rows of `countsIn` in columns of their own names. */
export const COUNT_TOTALS = list(COUNT_SUMS, (column) => `coalesce(sum(${column}), 0)::float8 as ${column}`);

/** The same over rows of `histogramsIn`. */
export const histogramTotals = (names: readonly Histogram[] = HISTOGRAM_NAMES): SQL =>
  list(names, (name) => `${sumOfBins(name as Histogram)} as ${name}`);
