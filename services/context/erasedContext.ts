import type { CustomerProfile } from '../../gen/replymesh/type/v1/customer.js';
import type { Query } from '../../gen/replymesh/type/v1/decision.js';
import type { DecisionInputs } from '../../gen/replymesh/type/v1/decision_inputs.js';

/**
 * Whether a decision was made from what an erasure has taken: the message came after it, but another instance had the context in memory still.
 * What the database does not know of the customer was erased; so were lines of before the erasure, unless somebody has brought the customer back.
 * @param now the profile as it is, undefined without one @param erasedAt milliseconds since 1970
 */
export function isMadeFromErased({ customer, interactions }: DecisionInputs, now: CustomerProfile | undefined, erasedAt: number): boolean {
  const isKnown = (fact: CustomerProfile['facts'][number]): boolean =>
    now?.facts.some(({ key, value }) => key === fact.key && value === fact.value) ?? false;
  if (customer && customer.displayName !== '' && customer.displayName !== now?.displayName) return true;
  if (customer?.facts.some((fact) => !isKnown(fact))) return true;
  return now === undefined && interactions.some(({ createTime }) => createTime !== undefined && createTime.getTime() <= erasedAt);
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
