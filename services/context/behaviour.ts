import { type BehaviouralFeatures, CustomerTier, type Interaction, ResolutionStatus } from '../../gen/replymesh/type/v1/customer.js';

const DAY_MS = 86_400_000;
const RECENT_DAYS = 30;

/**
 * A customer's behaviour as numbers. The one definition: training reads what this wrote.
 * @param interactions in any order; those after `now` (clocks differ) count as happening now
 * @returns zeros without history, and −1 days since the last interaction
 */
export function behaviour(
  interactions: readonly Pick<Interaction, 'resolutionStatus' | 'satisfactionScore' | 'createTime'>[],
  tier: CustomerTier,
  now: Date,
): BehaviouralFeatures {
  const agesDays = interactions.map((i) => Math.max(0, now.getTime() - (i.createTime?.getTime() ?? 0)) / DAY_MS);
  const scores = interactions.flatMap((i) => (i.satisfactionScore === undefined ? [] : [i.satisfactionScore]));
  const withStatus = (status: ResolutionStatus): number => interactions.filter((i) => i.resolutionStatus === status).length;
  return {
    interactions30d: agesDays.filter((age) => age <= RECENT_DAYS).length,
    interactionsTotal: interactions.length,
    escalationsTotal: withStatus(ResolutionStatus.ESCALATED),
    openInteractions: withStatus(ResolutionStatus.OPEN),
    daysSinceLast: agesDays.length === 0 ? -1 : agesDays.reduce((least, age) => Math.min(least, age)),
    meanSatisfaction: scores.length === 0 ? 0 : scores.reduce((sum, score) => sum + score, 0) / scores.length,
    tier,
  };
}

/** What is said of a customer without history. */
export const noBehaviour: BehaviouralFeatures = behaviour([], CustomerTier.UNSPECIFIED, new Date(0));
