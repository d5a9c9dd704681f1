import type { Citation, LanguageModelUsage } from '../../gen/replymesh/type/v1/decision.js';
import { citationsOf, withoutMarkers } from './citations.js';
import { type Gate, MAX_SENTENCE_CHARS, type Verdict } from './gate.js';
import type { LlmEvent } from './llm.js';
import { type Prompt, withFacts } from './prompt.js';
import { splitSentences, takeSentences } from './sentences.js';

/** What became of a language model's text. */
export interface ModelReply {
  /** Whether anything was let through that says something. */
  readonly spoke: boolean;
  /** Whether the model reached its end by itself. */
  readonly complete: boolean;
  readonly citations: readonly Citation[];
  /** Why each withheld sentence was withheld. */
  readonly withheld: readonly Unsupported[];
  readonly usage: LanguageModelUsage | undefined;
  /** What ended the stream, when it failed. */
  readonly failure: unknown;
}
type Unsupported = Extract<Verdict, { supported: false }>['because'];

/** Greeting and farewell are added from approved wording: the model's own are dropped, and all that follows its farewell. */
const GREETING = /^(?:hello|hi|hey|dear|good (?:morning|day|afternoon|evening))\b[^.!?]{0,80}[,!.:]?$/i;
const FAREWELL = /^(?:(?:kind|best|warm) (?:regards|wishes)|regards|(?:yours )?sincerely|yours|cheers)\b[^.!?]{0,40}$/i;

/**
 * Yields the sentences that may leave, as they are finished, each with the white space after it. Courtesy waits for the first
 * sentence that says something, so that a reply of courtesy alone never goes out.
 */
export async function* modelReply(
  events: AsyncIterable<LlmEvent>,
  gate: Gate,
  { passages, kept }: Pick<Prompt, 'passages' | 'kept'>,
): AsyncGenerator<string, ModelReply> {
  const cited = new Set<number>();
  const withheld: Unsupported[] = [];
  let courtesy: string[] = [];
  let spoke = false;
  let farewell = false;

  function judge(raw: string): string[] {
    const text = withFacts(withoutMarkers(raw), kept);
    const bare = text.trim();
    farewell ||= FAREWELL.test(bare);
    if (farewell || bare === '' || GREETING.test(bare)) return [];
    const verdict = gate(text);
    if (!verdict.supported) {
      withheld.push(verdict.because);
      return [];
    }
    for (const position of verdict.passages) cited.add(position);
    courtesy.push(text);
    if (!spoke && verdict.courtesy) return [];
    spoke = true;
    const released = courtesy;
    courtesy = [];
    return released;
  }

  let rest = '';
  let end: Extract<LlmEvent, { type: 'END' }> | undefined;
  let failure: unknown;
  try {
    for await (const event of events) {
      if (event.type === 'END') {
        end = event;
        continue;
      }
      const taken = takeSentences(rest + event.text);
      rest = taken.rest;
      for (const sentence of taken.sentences) yield* judge(sentence);
      // No sentence comes of this any more; every further word would have it read again.
      if (rest.length > 4 * MAX_SENTENCE_CHARS) break;
    }
  } catch (error) {
    failure = error;
  }
  const complete = end?.finish === 'stop';
  // What follows the last boundary is a sentence only if the model meant to end there.
  if (complete) for (const sentence of splitSentences(rest)) yield* judge(sentence);
  return { spoke, complete, citations: citationsOf(cited, passages), withheld, usage: end?.usage, failure };
}
