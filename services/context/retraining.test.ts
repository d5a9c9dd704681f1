import { describe, expect, it } from 'vitest';
import { RetrainingVerdict } from '../../gen/replymesh/v1/model_monitoring_service.js';
import { labelsSince, retrainingVerdict } from './retraining.js';

const RULE = { consecutiveWindows: 3, leastLabels: 10 };
const HOUR = 3_600_000;
/** A window of two hours that ends so many hours ago. */
const window = (hoursAgo: number, drifted: boolean) => ({
  start: new Date(-(hoursAgo + 2) * HOUR),
  end: new Date(-hoursAgo * HOUR),
  drifted,
});
const verdict = (windows: Parameters<typeof retrainingVerdict>[0], labels = 10) =>
  RetrainingVerdict[retrainingVerdict(windows, labels, RULE)];

describe('a space is to be trained anew', () => {
  const lasting = [window(0, true), window(2, true), window(4, true)];

  it('when drift lasts and people have given labels', () => {
    expect(verdict(lasting)).toBe('WANTED');
    expect(verdict(lasting.toReversed())).toBe('WANTED');
  });

  it('not without enough labels', () => expect(verdict(lasting, 9)).toBe('TOO_FEW_LABELS'));

  it('not while the last window is like the reference, nor without any', () => {
    expect(verdict([window(0, false), window(2, true), window(4, true), window(6, true)])).toBe('NO_DRIFT');
    expect(verdict([])).toBe('NO_DRIFT');
  });

  it('not for windows that are too few or broken by a good one', () => {
    expect(verdict(lasting.slice(0, 2))).toBe('NOT_LASTING');
    expect(verdict([window(0, true), window(2, false), window(4, true), window(6, true)])).toBe('NOT_LASTING');
  });

  it('not because one stretch of time was looked at again and again', () => {
    expect(verdict([window(0, true), window(0.1, true), window(0.2, true), window(0.3, true)])).toBe('NOT_LASTING');
  });
});

describe('labels count', () => {
  const served = new Date('2026-11-01T00:00:00Z');
  const bundle = (alias: string, day: string, space = 'support') => ({
    aliases: [alias],
    createTime: new Date(`${day}T00:00:00Z`),
    spaces: [{ name: space, labelCount: 2, figures: [] }],
  });
  const since = (...bundles: ReturnType<typeof bundle>[]) => labelsSince('support', served, bundles).toISOString().slice(0, 10);

  it('from when the served bundle was made, or its challenger, which is to have its time', () => {
    expect(since()).toBe('2026-11-01');
    expect(since(bundle('champion', '2026-11-01'), bundle('challenger', '2026-11-20'))).toBe('2026-11-20');
  });

  it('whatever challenger is older, has not the space, or is none', () => {
    expect(since(bundle('challenger', '2026-10-01'))).toBe('2026-11-01');
    expect(since(bundle('challenger', '2026-11-20', 'banking'))).toBe('2026-11-01');
    expect(since(bundle('added', '2026-11-20'))).toBe('2026-11-01');
  });
});
