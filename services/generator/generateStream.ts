import type {
  GenerateRequest,
  GenerateResponse,
  GenerateStreamRequest,
  GenerateStreamResponse,
} from '../../gen/replymesh/generator/v1/generator_service.js';
import { Action, ReplyOrigin } from '../../gen/replymesh/type/v1/decision.js';
import type { Call } from '../../lib/call.js';
import { openGate } from './gate.js';
import type { LanguageModel, LlmEvent } from './llm.js';
import { LlmFailure } from './llmFailure.js';
import { replies, withheldSentences } from './metrics.js';
import { type ModelReply, modelReply } from './modelReply.js';
import { type Prompt, promptOf } from './prompt.js';
import { replayed, transcribed } from './transcript.js';
import { approvedReply, closingOf, greetingOf } from './wording.js';
import type { Wording } from './wordingFile.js';

export interface GenerateParts {
  readonly wording: Wording;
  /** Undefined when none is configured. */
  readonly languageModel: LanguageModel | undefined;
  /** Most characters of passages in one prompt. */
  readonly maxPassageChars: number;
}

/** What a handler needs of the call. */
export type GenerateCall = Pick<Call, 'signal' | 'deadline' | 'log'>;
export type GenerateStream = (request: GenerateStreamRequest, call: GenerateCall) => AsyncGenerator<GenerateStreamResponse>;

/** Approved wording is written in it, and the gate can judge it alone, so that every reply is. */
const LANGUAGE = 'en';
/** Of a reply that no language model had a part in. */
const NO_MODEL = {
  withheldSentences: 0,
  languageModelFailed: false,
  languageModelUnusable: false,
  promptSha256: '',
  usage: undefined,
  transcript: undefined,
};

const sentenceEvent = (sentence: string): GenerateStreamResponse => ({ event: { $case: 'sentence', value: sentence } });

/** Writes a reply sentence by sentence: the language model's where one is configured and does its work, approved wording otherwise. */
export const generateStream = (parts: GenerateParts): GenerateStream =>
  async function* ({ request }, call) {
    // The contract requires it; validation has refused a call without.
    if (request === undefined) return;
    const response = (yield* byModel(parts, request, call)) ?? (yield* byWording(parts.wording, request, NO_MODEL));
    if (!request.replay) replies.inc({ origin: ReplyOrigin[response.reply?.origin ?? 0], complete: String(response.complete) });
    yield { event: { $case: 'result', value: response } };
  };

/** Whether there is something that a language model could answer from, and somebody who may send it. */
const isForModel = (request: GenerateRequest): boolean =>
  request.action !== Action.ESCALATE && request.intent !== '' && (request.passages.length > 0 || (request.customer?.facts.length ?? 0) > 0);

/** What a language model is asked and what it answers, now or when the reply was first written; undefined when none has a part in it. */
function askedOf(
  { languageModel, maxPassageChars }: GenerateParts,
  request: GenerateRequest,
  call: GenerateCall,
): { prompt: Prompt; events: AsyncIterable<LlmEvent> } | undefined {
  if (request.replay) {
    const { transcript } = request.replay;
    if (!transcript) return undefined;
    const shown = request.passages.slice(0, transcript.passagesShown);
    return { prompt: promptOf({ ...request, passages: shown }, Number.POSITIVE_INFINITY), events: replayed(transcript) };
  }
  if (languageModel === undefined || !isForModel(request)) return undefined;
  const prompt = promptOf(request, maxPassageChars);
  return { prompt, events: languageModel.write(prompt, call) };
}

/** The language model's reply, or approved wording when nothing of it could be sent; undefined when it was not to be asked. */
async function* byModel(
  parts: GenerateParts,
  request: GenerateRequest,
  call: GenerateCall,
): AsyncGenerator<GenerateStreamResponse, GenerateResponse | undefined> {
  const { wording } = parts;
  const asked = askedOf(parts, request, call);
  if (asked === undefined) return undefined;
  const { prompt } = asked;
  const heard = transcribed(asked.events);
  const gate = openGate({
    passages: prompt.passages,
    facts: request.customer?.facts ?? [],
    customerName: request.customer?.displayName ?? '',
    customerText: request.text,
  });
  const sentences = modelReply(heard.events, gate, prompt);
  const said: string[] = [];
  const say = (sentence: string): GenerateStreamResponse => {
    said.push(sentence);
    return sentenceEvent(sentence);
  };
  const written = yield* eachWith(sentences, function* (sentence) {
    if (said.length === 0) yield say(greetingOf(wording, request.customer));
    yield say(sentence);
  });
  call.signal.throwIfAborted();
  if (written.failure !== undefined && !(written.failure instanceof LlmFailure)) throw written.failure;
  if (!request.replay) observe(written, call);
  const evidence = {
    withheldSentences: written.withheld.length,
    languageModelFailed: written.failure !== undefined,
    languageModelUnusable: written.failure === undefined && !written.spoke,
    promptSha256: prompt.sha256,
    usage: written.usage,
    transcript: { ...heard.transcript(), passagesShown: prompt.passages.length },
  };
  if (!written.spoke) return yield* byWording(wording, request, evidence);
  if (written.complete) yield say(closingAfter(said.at(-1) ?? '', wording));
  return {
    reply: { text: said.join(''), language: LANGUAGE, citations: [...written.citations], origin: ReplyOrigin.LANGUAGE_MODEL },
    suggestedActions: suggestedActions(wording, request),
    complete: written.complete,
    ...evidence,
  };
}

function observe({ failure, withheld }: ModelReply, call: GenerateCall): void {
  if (failure instanceof LlmFailure) call.log.warn({ failure: failure.kind, http_status: failure.httpStatus }, 'the language model failed');
  for (const because of withheld) withheldSentences.inc({ because });
}

/** Passes each item of a generator through a function, and returns what the generator returns. */
async function* eachWith<T, R, U>(items: AsyncGenerator<T, R>, of: (item: T) => Iterable<U>): AsyncGenerator<U, R> {
  try {
    for (let next = await items.next(); ; next = await items.next()) {
      if (next.done) return next.value;
      yield* of(next.value);
    }
  } finally {
    // When the caller leaves here, the model's stream has to end as well.
    await items.return(undefined as never);
  }
}

/** The farewell after exactly one blank line. */
const closingAfter = (last: string, wording: Wording): string => closingOf(wording).slice(Math.min(2, /\n*$/.exec(last)?.[0].length ?? 0));

type ModelEvidence = Pick<
  GenerateResponse,
  'withheldSentences' | 'languageModelFailed' | 'languageModelUnusable' | 'promptSha256' | 'usage' | 'transcript'
>;

async function* byWording(
  wording: Wording,
  request: GenerateRequest,
  evidence: ModelEvidence,
): AsyncGenerator<GenerateStreamResponse, GenerateResponse> {
  const { sentences, citations } = approvedReply(wording, request);
  for (const sentence of sentences) yield sentenceEvent(sentence);
  return {
    reply: { text: sentences.join(''), language: LANGUAGE, citations: [...citations], origin: ReplyOrigin.APPROVED_WORDING },
    suggestedActions: suggestedActions(wording, request),
    complete: true,
    ...evidence,
  };
}

const suggestedActions = (wording: Wording, request: GenerateRequest) => [...(wording.suggestedActions.get(request.intent) ?? [])];
