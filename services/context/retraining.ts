import { RetrainingVerdict } from '../../gen/replymesh/v1/model_monitoring_service.js';
import type { Bundle } from '../../gen/replymesh/v1/model_service.js';

/** A window of one space that was compared with the served bundle. */
export interface CheckedWindow {
  readonly start: Date;
  readonly end: Date;
  readonly drifted: boolean;
}
export interface RetrainingRule {
  /** Windows in a row, none of which overlaps another, that have to be drifted. */
  readonly consecutiveWindows: number;
  /** Labels that people have to have given since the bundle was made, or its challenger. */
  readonly leastLabels: number;
}

/**
 * Whether a space is to be trained anew: drift that lasts, and labels to learn from. One odd day is no reason, and without labels nothing new would be learned.
 * @param windows those of the served bundle alone, in any order
 */
export function retrainingVerdict(windows: readonly CheckedWindow[], labels: number, rule: RetrainingRule): RetrainingVerdict {
  const apart = latestApart(windows).slice(0, rule.consecutiveWindows);
  if (!apart[0]?.drifted) return RetrainingVerdict.NO_DRIFT;
  if (apart.length < rule.consecutiveWindows || apart.some(({ drifted }) => !drifted)) return RetrainingVerdict.NOT_LASTING;
  return labels < rule.leastLabels ? RetrainingVerdict.TOO_FEW_LABELS : RetrainingVerdict.WANTED;
}

/**
 * From when on labels count for a space: since the served bundle was made, or the challenger that has the space. Until there are enough newer ones,
 * the challenger is left alone to show on live messages what it has learned; another one would begin anew.
 */
export function labelsSince(space: string, served: Date, bundles: readonly Pick<Bundle, 'aliases' | 'createTime' | 'spaces'>[]): Date {
  const challenger = bundles.find(({ aliases, spaces }) => aliases.includes('challenger') && spaces.some(({ name }) => name === space));
  return new Date(Math.max(served.getTime(), challenger?.createTime?.getTime() ?? 0));
}

/** The latest window, the latest one that ended before that began, and so on. */
function latestApart(windows: readonly CheckedWindow[]): CheckedWindow[] {
  const apart: CheckedWindow[] = [];
  for (const window of [...windows].sort((a, b) => b.end.getTime() - a.end.getTime())) {
    if (apart.length === 0 || window.end <= apart.at(-1)!.start) apart.push(window);
  }
  return apart;
}
