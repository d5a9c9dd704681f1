const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const DEFAULT_DAYS = 7;
/** The years 1 to 9999: beyond them ISO 8601 has another form, which Postgres does not read. */
const EARLIEST_MS = Date.parse('0001-01-01T00:00:00Z');
const LATEST_MS = Date.parse('9999-12-31T00:00:00Z');

export type Grain = 'hour' | 'day';
const LENGTH_MS: Readonly<Record<Grain, number>> = { hour: HOUR_MS, day: DAY_MS };

/** From the beginning of an hour or day (UTC) to the beginning of another. */
export interface Period {
  readonly from: Date;
  readonly to: Date;
}
/** A part of a period that is read from the roll-ups of one grain. */
export interface Range extends Period {
  readonly grain: Grain;
}

const inside = (ms: number): Date => new Date(Math.min(LATEST_MS, Math.max(EARLIEST_MS, ms)));
const down = (ms: number, grain: Grain): number => Math.floor(ms / LENGTH_MS[grain]) * LENGTH_MS[grain];
const up = (ms: number, grain: Grain): number => Math.ceil(ms / LENGTH_MS[grain]) * LENGTH_MS[grain];

/** The period that was asked for in whole hours or days; without an end it ends now, without a start it is seven days. Empty when it would end before it starts. */
export function periodOf(asked: { startTime?: Date | undefined; endTime?: Date | undefined }, now: Date, grain: Grain = 'hour'): Period {
  const end = (asked.endTime ?? now).getTime();
  const from = inside(down((asked.startTime ?? new Date(end - DEFAULT_DAYS * DAY_MS)).getTime(), grain));
  const to = inside(up(end, grain));
  return { from, to: to < from ? from : to };
}

/** Whole days as days, and what is left at both ends as hours. */
export function rangesOf({ from, to }: Period): Range[] {
  const firstDay = new Date(up(from.getTime(), 'day'));
  const lastDay = new Date(down(to.getTime(), 'day'));
  const ranges: Range[] =
    firstDay < lastDay
      ? [
          { grain: 'hour', from, to: firstDay },
          { grain: 'day', from: firstDay, to: lastDay },
          { grain: 'hour', from: lastDay, to },
        ]
      : [{ grain: 'hour', from, to }];
  return ranges.filter((range) => range.from < range.to);
}

/** How many hours or days are in a period. */
export const stepsIn = ({ from, to }: Period, grain: Grain): number => Math.round((to.getTime() - from.getTime()) / LENGTH_MS[grain]);

/** The beginnings of its hours or days. */
export const startsIn = (period: Period, grain: Grain): Date[] =>
  Array.from({ length: stepsIn(period, grain) }, (_, i) => new Date(period.from.getTime() + i * LENGTH_MS[grain]));
