import type { LanguageModelTranscript } from '../../gen/replymesh/type/v1/decision_inputs.js';
import type { LlmEvent } from './llm.js';
import { LlmFailure, type LlmFailureKind } from './llmFailure.js';

/** Longest finish reason that is kept; only `stop` means anything. */
const MAX_REASON_CHARS = 64;

/** What a language model says, and as far as it has come what it has said. */
export interface Transcribed {
  readonly events: AsyncIterable<LlmEvent>;
  transcript(): Omit<LanguageModelTranscript, 'passagesShown'>;
}

/** Passes everything on as it comes and keeps it. */
export function transcribed(events: AsyncIterable<LlmEvent>): Transcribed {
  const kept: Omit<LanguageModelTranscript, 'passagesShown'> = { text: '', finishReason: '', failure: '', usage: undefined };
  async function* passOn(): AsyncGenerator<LlmEvent> {
    try {
      for await (const event of events) {
        if (event.type === 'TEXT') kept.text += event.text;
        else Object.assign(kept, { finishReason: event.finish.slice(0, MAX_REASON_CHARS), usage: event.usage });
        yield event;
      }
    } catch (error) {
      if (error instanceof LlmFailure) kept.failure = error.kind;
      throw error;
    }
  }
  return { events: passOn(), transcript: () => ({ ...kept }) };
}

/**
 * What a language model said once, said again. In one piece: what becomes of a text does not depend on the pieces that it came in.
 * @throws LlmFailure where it failed then
 */
export async function* replayed({ text, finishReason, failure, usage }: LanguageModelTranscript): AsyncGenerator<LlmEvent> {
  if (text !== '') yield { type: 'TEXT', text };
  if (failure !== '') throw new LlmFailure(failure as LlmFailureKind, false);
  if (usage) yield { type: 'END', finish: finishReason, usage };
}
