import { type BehaviouralFeatures, CustomerTier, type Interaction, ResolutionStatus } from '../../gen/replymesh/type/v1/customer.js';

const DAY_MS = 86_400_000;
const RECENT_DAYS = 30;
/** Clocks of two machines may be so far apart. */
const SLACK_DAYS = 1;

/** Goes up with every change of `History` or of how it is counted, so that nothing is read that an older definition has kept. */
export const DEFINITION = 1;

/** What is counted of a customer's lines: all that their features need, at whatever moment they are asked for. */
export interface History {
  readonly total: number;
  readonly escalations: number;
  readonly open: number;
  /** How often satisfaction was given, and the sum of it. */
  readonly scores: number;
  readonly scoreSum: number;
  /** Time of the last line, milliseconds since 1970; null without any. */
  readonly lastAt: number | null;
  /** Times of the lines of the last days, milliseconds since 1970, in any order. */
  readonly recent: readonly number[];
}

export const noHistory: History = { total: 0, escalations: 0, open: 0, scores: 0, scoreSum: 0, lastAt: null, recent: [] };

/** What a line counts for. */
export type Line = Pick<Interaction, 'resolutionStatus' | 'satisfactionScore' | 'createTime'>;

/** From when on times are kept one by one. */
export const recentSince = (now: Date): Date => new Date(now.getTime() - (RECENT_DAYS + SLACK_DAYS) * DAY_MS);

/** With further lines, in any order. */
export function withLines(history: History, lines: readonly Line[], now: Date): History {
  const times = lines.map(({ createTime }) => createTime?.getTime() ?? 0);
  const since = recentSince(now).getTime();
  const counted = lines.reduce((sum, line) => plus(sum, line, 1), history);
  return {
    ...counted,
    total: history.total + lines.length,
    lastAt: times.reduce<number | null>((last, at) => Math.max(last ?? at, at), history.lastAt),
    recent: [...history.recent, ...times].filter((at) => at >= since),
  };
}

/** With a line that has become another one of the same time. */
export const withLineChanged = (history: History, before: Line, after: Line): History => plus(plus(history, before, -1), after, 1);

function plus(history: History, { resolutionStatus, satisfactionScore }: Line, times: 1 | -1): History {
  const isScored = satisfactionScore !== undefined;
  return {
    ...history,
    escalations: history.escalations + (resolutionStatus === ResolutionStatus.ESCALATED ? times : 0),
    open: history.open + (resolutionStatus === ResolutionStatus.OPEN ? times : 0),
    scores: history.scores + (isScored ? times : 0),
    scoreSum: history.scoreSum + (isScored ? times * satisfactionScore : 0),
  };
}

/**
 * A customer's behaviour as numbers. The one definition: training reads what this wrote.
 * @param now lines after it (clocks differ) count as happening now
 * @returns zeros without history, and −1 days since the last line
 */
export function featuresAt(history: History, tier: CustomerTier, now: Date): BehaviouralFeatures {
  const ageDays = (at: number): number => Math.max(0, now.getTime() - at) / DAY_MS;
  return {
    interactions30d: history.recent.filter((at) => ageDays(at) <= RECENT_DAYS).length,
    interactionsTotal: history.total,
    escalationsTotal: history.escalations,
    openInteractions: history.open,
    daysSinceLast: history.lastAt === null ? -1 : ageDays(history.lastAt),
    meanSatisfaction: history.scores === 0 ? 0 : history.scoreSum / history.scores,
    tier,
  };
}

/** What is said of a customer without history. */
export const noBehaviour: BehaviouralFeatures = featuresAt(noHistory, CustomerTier.UNSPECIFIED, new Date(0));
