import type { DecisionInputs, LanguageModelTranscript } from '../../gen/replymesh/type/v1/decision_inputs.js';
import type { Policy } from '../../gen/replymesh/type/v1/policy.js';
import type { Understanding } from './understand.js';

/** What a decision is made from, beside what its record tells: kept with it, so that it can be made again. */
export const inputsOf = (
  { context, prediction, passages }: Understanding,
  policy: Policy,
  transcript: LanguageModelTranscript | undefined,
): DecisionInputs => ({
  customer: context?.profile,
  interactions: context?.interactions ?? [],
  passages: passages.map(({ id, articleId, title, textSha256 }) => ({ id, articleId, title, textSha256 })),
  transcript,
  policy: policyFor(prediction?.intents[0]?.label ?? '', policy),
});

/** A policy as far as it speaks of one intent. It decides the same for it. */
export function policyFor(intent: string, policy: Policy): Policy {
  const mode = policy.intents[intent];
  return { ...policy, intents: mode === undefined ? {} : { [intent]: mode } };
}
