import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GenerateRequest } from '../../gen/replymesh/generator/v1/generator_service.js';
import { Action } from '../../gen/replymesh/type/v1/decision.js';
import { LanguageModelTranscript } from '../../gen/replymesh/type/v1/decision_inputs.js';
import { log } from '../../lib/log.js';
import { packageRoot } from '../../lib/packageRoot.js';
import { generate } from './generate.js';
import { generateStream } from './generateStream.js';
import type { LanguageModel, LlmEvent } from './llm.js';
import { LlmFailure, type LlmFailureKind } from './llmFailure.js';
import { loadWording } from './wordingFile.js';

const wording = loadWording(fileURLToPath(new URL('services/generator/wording/en.json', packageRoot)));
const passage = (id: string, title: string, text: string) => ({ id: `${id}#0`, articleId: id, title, text, score: 1, textSha256: '' });
const REQUEST = GenerateRequest.fromPartial({
  text: 'Where is my refund?',
  intent: 'track_refund',
  action: Action.AUTO,
  passages: [
    passage('refund-times', 'How long a refund takes', 'We send every refund within 5 working days.'),
    passage('track-a-refund', 'Track a refund', 'Open Account > Orders, choose the order and select Refund.'),
  ],
  language: 'en',
});
const call = { signal: new AbortController().signal, deadline: new Date(Date.now() + 60_000), log };

/** A language model that says these pieces and ends in this way. */
const saying = (pieces: readonly string[], ending: Ending): LanguageModel => ({
  async *write(): AsyncGenerator<LlmEvent> {
    for (const text of pieces) yield { type: 'TEXT', text };
    if ('failure' in ending) throw new LlmFailure(ending.failure, false);
    yield { type: 'END', finish: ending.finish, usage: { model: 'm', promptTokens: 7, completionTokens: 3 } };
  },
  close: async () => {},
});
type Ending = { readonly finish: string } | { readonly failure: LlmFailureKind };

const SENTENCES = [
  'We send every refund within 5 working days. ',
  'We have sent you 999.99 USD this morning. ',
  'Thank you for your message. ',
  'Hello Ada,\n\n',
  'Open Account > Orders [2]. ',
  'Approx. 5 working days, e.g. until Friday. ',
  'Kind regards,\nthe team',
  'x'.repeat(2500),
  '{{EMAIL_1}} ',
  '',
];
const pieces = fc.array(fc.constantFrom(...SENTENCES), { maxLength: 8 }).chain((sentences) => {
  const text = sentences.join('');
  const cuts = fc.array(fc.nat({ max: text.length }), { maxLength: 12 });
  return cuts.map((at) => {
    const sorted = [0, ...at.sort((a, b) => a - b), text.length];
    return sorted.slice(1).map((end, i) => text.slice(sorted[i], end));
  });
});
const endings = fc.constantFrom<Ending[]>(
  { finish: 'stop' },
  { finish: 'length' },
  { finish: '' },
  { failure: 'SILENT' },
  { failure: 'CUT' },
);

describe('what a language model once said', () => {
  it('gives the same reply when it is judged again, in whatever pieces it came and however it ended; no model is asked', () =>
    fc.assert(
      fc.asyncProperty(pieces, endings, fc.constantFrom(1, 1000), async (text, ending, maxPassageChars) => {
        const live = generate({ generateStream: generateStream({ wording, languageModel: saying(text, ending), maxPassageChars }) });
        const again = generate({ generateStream: generateStream({ wording, languageModel: undefined, maxPassageChars: 1 }) });
        const first = await live(REQUEST, call);
        // As it was stored.
        const transcript = LanguageModelTranscript.decode(LanguageModelTranscript.encode(first.transcript!).finish());
        expect(await again({ ...REQUEST, replay: { transcript } }, call)).toEqual(first);
      }),
    ));

  it('is kept as it came, before any sentence was withheld', async () => {
    const text = ['We have sent you 999.99', ' USD this morning. Hello'];
    const live = generate({
      generateStream: generateStream({ wording, languageModel: saying(text, { finish: 'stop' }), maxPassageChars: 1 }),
    });
    const { transcript, reply } = await live(REQUEST, call);
    expect(reply?.text).not.toContain('999.99');
    expect(transcript).toEqual({
      text: text.join(''),
      finishReason: 'stop',
      failure: '',
      usage: { model: 'm', promptTokens: 7, completionTokens: 3 },
      passagesShown: 1,
    });
  });

  it('is nothing where no model was asked, and the reply is approved wording though there is one now', async () => {
    const stream = generateStream({ wording, languageModel: saying(['I am asked.'], { finish: 'stop' }), maxPassageChars: 1000 });
    const without = generateStream({ wording, languageModel: undefined, maxPassageChars: 1000 });
    const first = await generate({ generateStream: without })(REQUEST, call);
    expect(first.transcript).toBeUndefined();
    expect(await generate({ generateStream: stream })({ ...REQUEST, replay: { transcript: undefined } }, call)).toEqual(first);
  });
});
