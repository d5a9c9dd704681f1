import { type Decision, DecisionReason, PriorityCause, PriorityLevel } from '../../gen/replymesh/type/v1/decision.js';

const percent = (share: number): string => `${Math.round(share * 100)} %`;

const WHY: Partial<Record<DecisionReason, string>> = {
  [DecisionReason.NO_INFERENCE]: 'The models could not be reached; nobody has read the message yet',
  [DecisionReason.OUT_OF_SCOPE]: 'The message is about something the models do not know',
  [DecisionReason.INTENT_OFF]: 'The policy gives this intent to a person',
  [DecisionReason.CONFIDENCE_TOO_LOW]: 'The models are not sure what is asked',
  [DecisionReason.PRIORITY_TOO_HIGH]: 'The matter is too urgent to wait',
};

/** One line for the person who takes over, without the customer's text. */
export function summarise(decision: Pick<Decision, 'reason' | 'intents' | 'priority'>): string {
  const intents = decision.intents.slice(0, 3).map((i) => `${i.label} ${percent(i.score)}`);
  const causes =
    decision.priority?.reasons.slice(0, 2).map((r) => (PriorityCause[r.cause] ?? 'unknown').toLowerCase().replaceAll('_', ' ')) ?? [];
  return [
    WHY[decision.reason] ?? 'A person is to answer',
    ...(intents.length > 0 ? [`likely: ${intents.join(', ')}`] : []),
    `priority ${(PriorityLevel[decision.priority?.level ?? 0] ?? 'unknown').toLowerCase()}${causes.length > 0 ? ` (${causes.join(', ')})` : ''}`,
  ]
    .join('; ')
    .concat('.');
}
