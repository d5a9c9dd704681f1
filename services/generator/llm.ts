import OpenAI from 'openai';
import type { LanguageModelUsage } from '../../gen/replymesh/type/v1/decision.js';
import { StartError } from '../../lib/errors.js';
import type { GeneratorConfig } from './config.js';
import { newLlmBreaker } from './llmBreaker.js';
import { type LlmClock, startClock } from './llmClock.js';
import { failureOf, LlmFailure } from './llmFailure.js';
import { modelCalls, modelTokens } from './metrics.js';
import type { Prompt } from './prompt.js';

export type LlmEvent =
  | { readonly type: 'TEXT'; readonly text: string }
  /** Last. `finish` is the endpoint's finish reason: `stop` alone means that the reply reached its end. */
  | { readonly type: 'END'; readonly finish: string; readonly usage: LanguageModelUsage };

export interface LanguageModel {
  /**
   * Asks for one reply. A stream without END has failed.
   * @throws LlmFailure in every case of failure, the caller's cancellation too
   */
  write(prompt: Prompt, within: { signal: AbortSignal; deadline: Date }): AsyncGenerator<LlmEvent>;
  close(): Promise<void>;
}

export type LlmConfig = Pick<
  GeneratorConfig,
  'llmBaseUrl' | 'llmModel' | 'llmApiKey' | 'llmIdleMs' | 'llmTotalMs' | 'llmMaxTokens' | 'llmMaxCalls'
>;

/** Kept back from the caller's deadline, so that approved wording, or the end of a cut reply, still arrives. Milliseconds. */
const RESERVE_MS = 250;
/** After so long an open breaker lets one call try. */
const RESET_MS = 2000;
/** Most characters of one reply, whatever the endpoint counts as tokens. */
const MAX_REPLY_CHARS = 20_000;

/** The configured language model, or undefined. @throws StartError when only half of it is configured */
export function openLanguageModel(config: LlmConfig): LanguageModel | undefined {
  const { llmBaseUrl: baseURL, llmModel: model } = config;
  if (baseURL === undefined && model === undefined) return undefined;
  if (baseURL === undefined) throw new StartError('REPLYMESH_LLM_MODEL is set without REPLYMESH_LLM_BASE_URL: set both or neither.');
  if (model === undefined) throw new StartError('REPLYMESH_LLM_BASE_URL is set without REPLYMESH_LLM_MODEL: set both or neither.');
  const client = clientOf(baseURL, config.llmApiKey);
  const breaker = newLlmBreaker(RESET_MS);
  let running = 0;

  async function* write(prompt: Prompt, within: { signal: AbortSignal; deadline: Date }): AsyncGenerator<LlmEvent> {
    if (running >= config.llmMaxCalls) throw counted(new LlmFailure('BUSY', false));
    const admission = admitted(breaker.admit);
    running += 1;
    const limits = {
      idleMs: config.llmIdleMs,
      totalMs: config.llmTotalMs,
      deadlineMs: within.deadline.getTime() - Date.now() - RESERVE_MS,
    };
    const clock = startClock(limits, within.signal);
    let outcome: LlmFailure | 'STOP' | 'INCOMPLETE' = new LlmFailure('CANCELLED', false);
    try {
      for await (const event of read(client, model as string, config.llmMaxTokens, prompt, clock)) {
        if (event.type === 'END') outcome = event.finish === 'stop' ? 'STOP' : 'INCOMPLETE';
        yield event;
      }
    } catch (error) {
      // An aborted stream ends in many ways in the SDK; why we aborted it is known here alone.
      outcome = clock.failure() ?? failureOf(error);
      throw outcome;
    } finally {
      running -= 1;
      clock.stop();
      if (outcome instanceof LlmFailure) admission.failed(outcome);
      else admission.succeeded();
      modelCalls.inc({ outcome: outcome instanceof LlmFailure ? outcome.kind : outcome });
    }
  }
  return { write, close: async () => breaker.close() };
}

function counted(failure: LlmFailure): LlmFailure {
  modelCalls.inc({ outcome: failure.kind });
  return failure;
}

function admitted<T>(admit: () => T): T {
  try {
    return admit();
  } catch (error) {
    throw error instanceof LlmFailure ? counted(error) : error;
  }
}

/** Nothing is left to OPENAI_* variables, and the SDK logs nothing, since it would log what the model wrote. */
function clientOf(baseURL: string, apiKey: string | undefined): OpenAI {
  return new OpenAI({
    baseURL,
    apiKey: apiKey ?? 'none',
    organization: null,
    project: null,
    webhookSecret: null,
    maxRetries: 0,
    logLevel: 'off',
  });
}

/** One streamed completion. The SDK ends a stream that was cut or aborted as if it were whole, so that a finish reason is required. */
async function* read(client: OpenAI, model: string, maxTokens: number, prompt: Prompt, clock: LlmClock): AsyncGenerator<LlmEvent> {
  clock.wait();
  const stream = await client.chat.completions.create(
    { model, messages: [...prompt.messages], stream: true, stream_options: { include_usage: true }, max_completion_tokens: maxTokens },
    { signal: clock.signal },
  );
  const usage: LanguageModelUsage = { model, promptTokens: 0, completionTokens: 0 };
  let finish: string | undefined;
  let chars = 0;
  try {
    for await (const chunk of stream) {
      clock.heard();
      const { text, finishReason } = readChunk(chunk, usage);
      // An endpoint may put any amount into one piece.
      const taken = text.slice(0, MAX_REPLY_CHARS - chars);
      chars += text.length;
      if (finish === undefined && taken !== '') yield { type: 'TEXT', text: taken };
      finish ??= finishReason ?? (chars > MAX_REPLY_CHARS ? 'length' : undefined);
      if (chars > MAX_REPLY_CHARS) break;
      clock.wait();
    }
  } catch (error) {
    // The reply is whole once the finish reason is there; only the usage may be missing.
    if (finish === undefined) throw error;
  }
  const failure = clock.failure();
  if (finish === undefined) throw failure ?? new LlmFailure('CUT', true);
  if (failure?.kind === 'CANCELLED') throw failure;
  modelTokens.inc({ kind: 'prompt' }, usage.promptTokens);
  modelTokens.inc({ kind: 'completion' }, usage.completionTokens);
  yield { type: 'END', finish, usage };
}

/** What one chunk adds, read with care: endpoints only resemble each other. */
function readChunk(chunk: OpenAI.ChatCompletionChunk, usage: LanguageModelUsage): { text: string; finishReason: string | undefined } {
  if (typeof chunk !== 'object' || chunk === null) throw new LlmFailure('MALFORMED', true);
  if (typeof chunk.model === 'string' && chunk.model !== '') usage.model = chunk.model.slice(0, 200);
  usage.promptTokens = count(chunk.usage?.prompt_tokens) ?? usage.promptTokens;
  usage.completionTokens = count(chunk.usage?.completion_tokens) ?? usage.completionTokens;
  const choice = chunk.choices?.[0];
  const text = choice?.delta?.content ?? '';
  if (typeof text !== 'string') throw new LlmFailure('MALFORMED', true);
  return { text, finishReason: choice?.finish_reason ?? undefined };
}

const count = (value: unknown): number | undefined =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;
