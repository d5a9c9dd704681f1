import type { CustomerFact, CustomerProfile } from '../../gen/replymesh/type/v1/customer.js';
import type { Query } from '../../gen/replymesh/type/v1/decision.js';
import type { DecisionInputs } from '../../gen/replymesh/type/v1/decision_inputs.js';

/** What the database says of a customer, beside a decision about them. */
export interface CustomerNow {
  /** When they were erased last, milliseconds since 1970; null when never. */
  readonly erased_at: number | null;
  /** Whether somebody is known by that id now. */
  readonly has_profile: boolean;
}

/**
 * Whether a decision was made from what an erasure has taken: the message came after it, but another instance had the context in memory still.
 * Whoever is known to a decision and not to the database was erased, or is somebody new since; so were lines of before the erasure.
 * @param profile the one that is stored now, of somebody who was erased before
 */
export function isMadeFromErased(
  inputs: DecisionInputs | undefined,
  { erased_at }: Pick<CustomerNow, 'erased_at'>,
  profile: CustomerProfile | undefined,
): boolean {
  if (!inputs || erased_at === null) return false;
  const { customer, interactions } = inputs;
  const wasKnown = customer !== undefined && (customer.displayName !== '' || customer.facts.length > 0);
  return (
    (wasKnown && !isOf(profile, customer)) ||
    interactions.some(({ createTime }) => createTime !== undefined && createTime.getTime() <= erased_at)
  );
}

/** Whether all that a decision knew of the customer is in this profile. */
function isOf(profile: CustomerProfile | undefined, { displayName, facts }: CustomerProfile): boolean {
  const isThere = (fact: CustomerFact): boolean =>
    profile?.facts.some(({ key, value }) => key === fact.key && value === fact.value) ?? false;
  return profile?.displayName === displayName && facts.every(isThere);
}

/** The record without what may tell of them: the reply greets by name and quotes facts, the features count their lines. */
export const withoutErased = (query: Query): Query => ({
  ...query,
  decision: query.decision && {
    ...query.decision,
    reply: undefined,
    evidence: query.decision.evidence && { ...query.decision.evidence, features: undefined },
  },
});
