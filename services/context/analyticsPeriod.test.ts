import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { periodOf, rangesOf, startsIn } from './analyticsPeriod.js';

const HOUR_MS = 3_600_000;
const NOW = new Date('2026-11-24T12:34:56Z');
const at = (text: string): Date => new Date(text);
const time = fc.date({ min: at('2026-01-01T00:00:00Z'), max: at('2026-12-31T00:00:00Z'), noInvalidDate: true });

describe('a period', () => {
  it('is whole hours that hold what was asked for, up to now and seven days when nothing was', () => {
    expect(periodOf({}, NOW)).toEqual({ from: at('2026-11-17T12:00:00Z'), to: at('2026-11-24T13:00:00Z') });
    expect(periodOf({ startTime: at('2026-11-24T11:59:59Z') }, NOW)).toEqual({
      from: at('2026-11-24T11:00:00Z'),
      to: at('2026-11-24T13:00:00Z'),
    });
    expect(periodOf({ endTime: at('2026-11-08T00:00:00Z') }, NOW)).toEqual({
      from: at('2026-11-01T00:00:00Z'),
      to: at('2026-11-08T00:00:00Z'),
    });
  });

  it('is whole days when days are asked for', () => {
    expect(periodOf({}, NOW, 'day')).toEqual({ from: at('2026-11-17T00:00:00Z'), to: at('2026-11-25T00:00:00Z') });
  });

  it('is empty when it would end before it starts', () => {
    const later = periodOf({ startTime: at('2027-01-01T00:30:00Z') }, NOW);
    expect([later.from, rangesOf(later)]).toEqual([later.to, []]);
  });

  it('stays within the years that Postgres reads', () => {
    const [first, last] = [at('0001-01-01T00:00:00Z'), at('9999-12-31T23:59:59Z')];
    expect(periodOf({ endTime: first }, NOW).from).toEqual(first);
    expect(periodOf({ startTime: first, endTime: last }, NOW).to).toEqual(at('9999-12-31T00:00:00Z'));
  });
});

describe('the ranges of a period', () => {
  it('hold each of its hours once, with whole days as days', () => {
    fc.assert(
      fc.property(time, time, (a, b) => {
        const period = periodOf({ startTime: a < b ? a : b, endTime: a < b ? b : a }, NOW);
        const ranges = rangesOf(period);
        const hours = ranges.flatMap((range) => startsIn(range, 'hour')).map((start) => start.getTime());
        expect(hours).toEqual(startsIn(period, 'hour').map((start) => start.getTime()));
        for (const { grain, from, to } of ranges) {
          const midnights = [from, to].every((end) => end.getTime() % (24 * HOUR_MS) === 0);
          expect(grain === 'day' ? midnights : to.getTime() - from.getTime() < 47 * HOUR_MS).toBe(true);
        }
      }),
    );
  });
});
