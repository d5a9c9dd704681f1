import type { GenerateRequest, GenerateResponse, GeneratorServiceDefinition } from '../../gen/replymesh/generator/v1/generator_service.js';
import { Action, DecisionReason, Degradation, ReplyOrigin } from '../../gen/replymesh/type/v1/decision.js';
import type { Within } from '../../lib/call.js';
import { isUnavailable, type MeshClient } from '../../lib/client.js';
import type { Verdict } from './decide.js';
import type { Understanding } from './understand.js';

export type GeneratorClient = MeshClient<typeof GeneratorServiceDefinition>;

export interface Written {
  readonly result: GenerateResponse;
  readonly degraded: readonly Degradation[];
}

/** What the customer reads when not even the generator answers. It promises nothing but a person. */
const HOLDING_TEXT = 'Thank you for your message. A colleague will read it and answer you.';

export const toGenerate = (found: Understanding, verdict: Verdict): GenerateRequest => ({
  text: found.masked.text,
  // What is out of scope has no right label: the likeliest one would suggest what nobody asked for.
  intent: verdict.reason === DecisionReason.OUT_OF_SCOPE ? '' : (found.prediction?.intents[0]?.label ?? ''),
  action: verdict.action,
  customer: found.context?.profile,
  passages: [...found.passages],
  interactions: found.context?.interactions ?? [],
  sentiment: found.prediction?.sentiment,
  language: found.context?.profile?.language || 'en',
  replay: undefined,
});

/** Has the reply written: whole when nobody reads along, else sentence by sentence. Without a generator there is a holding reply. */
export async function* write(
  generator: GeneratorClient,
  request: GenerateRequest,
  streaming: boolean,
  within: Within,
): AsyncGenerator<string, Written> {
  let sentences = '';
  try {
    if (!streaming) return wrote(await generator.generate(request, { within }));
    for await (const { event } of generator.generateStream({ request }, { within })) {
      if (event?.$case === 'result') return wrote(event.value);
      if (event?.$case !== 'sentence') continue;
      sentences += event.value;
      yield event.value;
    }
  } catch (error) {
    if (!isUnavailable(error)) throw error;
  }
  // The stream was cut, or nothing came: what was said stays, marked as incomplete.
  return withoutGenerator(request, sentences);
}

export const wrote = (result: GenerateResponse): Written => ({
  result,
  degraded: [
    ...(result.languageModelFailed ? [Degradation.LANGUAGE_MODEL_UNAVAILABLE] : []),
    ...(result.languageModelUnusable ? [Degradation.LANGUAGE_MODEL_UNUSABLE] : []),
  ],
});

/** @param said sentences that came before the generator was gone */
export const withoutGenerator = (request: GenerateRequest, said: string): Written => ({
  result: holdingReply(request, said),
  degraded: [Degradation.GENERATOR_UNAVAILABLE],
});

function holdingReply(request: GenerateRequest, said: string): GenerateResponse {
  return {
    reply: {
      text: said || HOLDING_TEXT,
      language: said ? request.language : 'en',
      citations: [],
      origin: said ? ReplyOrigin.UNSPECIFIED : ReplyOrigin.APPROVED_WORDING,
    },
    suggestedActions: request.action === Action.ESCALATE ? [{ action: 'person.answer', label: 'Answer the customer' }] : [],
    complete: said === '',
    withheldSentences: 0,
    languageModelFailed: false,
    languageModelUnusable: false,
    promptSha256: '',
    usage: undefined,
    transcript: undefined,
  };
}
