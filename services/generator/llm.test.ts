import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { GenerateRequest } from '../../gen/replymesh/generator/v1/generator_service.js';
import { Action } from '../../gen/replymesh/type/v1/decision.js';
import { StartError } from '../../lib/errors.js';
import { type LlmReply, type LlmServer, startLlmServer } from '../../test/llmServer.js';
import { type LanguageModel, type LlmConfig, openLanguageModel } from './llm.js';
import { LlmFailure } from './llmFailure.js';
import { promptOf } from './prompt.js';

const PROMPT = promptOf(GenerateRequest.fromPartial({ text: 'Where is my order?', intent: 'track_order', action: Action.AUTO }), 1000);
const within = (ms = 10_000, signal = new AbortController().signal) => ({ signal, deadline: new Date(Date.now() + ms) });

let server: LlmServer;
const models: LanguageModel[] = [];

beforeAll(async () => {
  server = await startLlmServer();
});
afterEach(async () => {
  server.script();
  server.always(undefined);
  for (const model of models.splice(0)) await model.close();
});
afterAll(() => server.close());

function open(config: Partial<LlmConfig> = {}): LanguageModel {
  const model = openLanguageModel({
    llmBaseUrl: server.baseUrl,
    llmModel: 'test-model',
    llmApiKey: 'a-key',
    llmIdleMs: 5000,
    llmTotalMs: 10_000,
    llmMaxTokens: 300,
    llmMaxCalls: 16,
    ...config,
  });
  if (!model) throw new Error('no model was opened');
  models.push(model);
  return model;
}

/** Reads a reply to its end, whichever that is. */
async function read(model: LanguageModel, call = within()) {
  const texts: string[] = [];
  try {
    for await (const event of model.write(PROMPT, call)) {
      if (event.type === 'END') return { text: texts.join(''), finish: event.finish, usage: event.usage, failure: undefined };
      texts.push(event.text);
    }
    return { text: texts.join(''), failure: 'the stream ended without END' };
  } catch (error) {
    if (!(error instanceof LlmFailure)) throw error;
    return { text: texts.join(''), failure: error.kind, counts: error.counts, httpStatus: error.httpStatus };
  }
}

describe('the language model', () => {
  it('is read to its finish reason, with what it took', async () => {
    server.script({ chunks: ['Hello', ' there.'], usage: { prompt: 12, completion: 3 } });
    expect(await read(open())).toEqual({
      text: 'Hello there.',
      finish: 'stop',
      usage: { model: 'test-model', promptTokens: 12, completionTokens: 3 },
      failure: undefined,
    });
  });

  it('gets the rules, the data, the limit of tokens and the key, and nothing from OPENAI_* variables', async () => {
    vi.stubEnv('OPENAI_ORG_ID', 'org-of-somebody-else');
    server.script({ chunks: ['Yes.'] });
    await read(open());
    vi.unstubAllEnvs();
    const request = server.requests.at(-1);
    expect(request?.body).toEqual({
      model: 'test-model',
      messages: PROMPT.messages,
      stream: true,
      stream_options: { include_usage: true },
      max_completion_tokens: 300,
    });
    expect(request?.headers.authorization).toBe('Bearer a-key');
    expect(request?.headers['openai-organization']).toBeUndefined();
  });

  it.each<[name: string, reply: LlmReply, failure: string, text: string]>([
    ['answers 503', { status: 503 }, 'REFUSED', ''],
    ['answers 429', { status: 429 }, 'REFUSED', ''],
    ['answers 401', { status: 401 }, 'REFUSED', ''],
    ['is cut cleanly', { chunks: ['Half a'], ending: 'CUT' }, 'CUT', 'Half a'],
    ['ends without a finish reason', { chunks: ['Half a'], ending: 'NO_FINISH_REASON' }, 'CUT', 'Half a'],
    ['is cut by a reset', { chunks: ['Half a'], ending: 'RESET' }, 'CUT', 'Half a'],
    ['is cut before its first word', { ending: 'CUT' }, 'CUT', ''],
    ['sends what is no JSON', { chunks: ['Half a'], ending: 'GARBAGE' }, 'MALFORMED', 'Half a'],
    ['sends an error in the stream', { chunks: ['Half a'], ending: 'ERROR_EVENT' }, 'REFUSED', 'Half a'],
  ])('that %s has failed after one request, and what it said so far was handed on', async (_, reply, failure, text) => {
    const before = server.requests.length;
    server.script(reply);
    expect(await read(open())).toMatchObject({ failure, text, counts: true });
    expect(server.requests.length - before).toBe(1);
  });

  it.each<[name: string, reply: LlmReply]>([
    ['never answers', { silentBeforeHeaders: true }],
    ['falls silent after the headers', { ending: 'SILENCE' }],
    ['falls silent after some words', { chunks: ['Half a'], ending: 'SILENCE' }],
  ])('that %s is given up after the idle time, and its connection is closed', async (_, reply) => {
    const before = server.aborted();
    server.script(reply);
    expect(await read(open({ llmIdleMs: 60 }))).toMatchObject({ failure: 'SILENT', counts: true });
    await vi.waitFor(() => expect(server.aborted()).toBe(before + 1));
  });

  it('that never ends is cut at the most characters of a reply, as incomplete', async () => {
    server.script({ chunks: ['and so on '.repeat(100)], ending: 'ENDLESS' });
    expect(await read(open({ llmTotalMs: 600_000 }), within(600_000))).toMatchObject({ finish: 'length' });
  });

  it('that never ends is cut at the total time, even if it is never silent', async () => {
    server.script({ chunks: [''], ending: 'ENDLESS' });
    expect(await read(open({ llmTotalMs: 150 }))).toMatchObject({ failure: 'TOO_SLOW', counts: true });
  });

  it("is given up before the caller's deadline, so that time is left to answer; a hasty caller is not the endpoint's fault", async () => {
    const call = within(400);
    server.script({ chunks: ['Half a'], ending: 'SILENCE' });
    expect(await read(open(), call)).toMatchObject({ failure: 'TOO_SLOW', counts: false });
    expect(Date.now()).toBeLessThan(call.deadline.getTime());
  });

  it('reports another finish reason than "stop" as it is', async () => {
    server.script({ chunks: ['Half a'], finishReason: 'length' }, { chunks: [''], finishReason: 'content_filter' });
    expect(await read(open())).toMatchObject({ finish: 'length' });
    expect(await read(open())).toMatchObject({ finish: 'content_filter' });
  });

  it('has ended well when only its usage is missing', async () => {
    server.script({ chunks: ['Done.'], usage: null }, { chunks: ['Done.'], ending: 'RESET_AFTER_FINISH' });
    for (const _ of [1, 2])
      expect(await read(open())).toMatchObject({ text: 'Done.', finish: 'stop', usage: { promptTokens: 0, completionTokens: 0 } });
  });

  it('is told when the caller leaves', async () => {
    const controller = new AbortController();
    const before = server.aborted();
    server.script({ chunks: ['Half a'], ending: 'SILENCE' });
    const events = open().write(PROMPT, within(10_000, controller.signal));
    expect(await events.next()).toMatchObject({ value: { type: 'TEXT', text: 'Half a' } });
    const next = events.next();
    controller.abort();
    await expect(next).rejects.toMatchObject({ kind: 'CANCELLED', counts: false });
    await vi.waitFor(() => expect(server.aborted()).toBe(before + 1));
  });

  it('is told when nobody reads on', async () => {
    const before = server.aborted();
    server.script({ chunks: ['Half a'], ending: 'SILENCE' });
    for await (const _ of open().write(PROMPT, within())) break;
    await vi.waitFor(() => expect(server.aborted()).toBe(before + 1));
  });

  it('is not asked more often at once than configured', async () => {
    server.script({ chunks: ['Half a'], ending: 'SILENCE' }, { chunks: ['Again.'] });
    const model = open({ llmMaxCalls: 1 });
    const first = model.write(PROMPT, within());
    await first.next();
    expect(await read(model)).toMatchObject({ failure: 'BUSY', counts: false });
    await first.return(undefined);
    expect(await read(model)).toMatchObject({ text: 'Again.' });
  });

  it('that cannot be reached has failed', async () => {
    const gone = await startLlmServer();
    await gone.close();
    expect(await read(open({ llmBaseUrl: gone.baseUrl }))).toMatchObject({ failure: 'UNREACHABLE', counts: true });
  });

  it('is left alone after failing again and again, and asked again when it has recovered', async () => {
    const model = open();
    server.always({ status: 503 });
    for (let call = 0; call < 5; call += 1) expect(await read(model)).toMatchObject({ failure: 'REFUSED' });
    const before = server.requests.length;
    expect(await read(model)).toMatchObject({ failure: 'BREAKER_OPEN' });
    expect(server.requests.length).toBe(before);
    server.always({ chunks: ['Back.'] });
    await vi.waitFor(async () => expect(await read(model)).toMatchObject({ text: 'Back.' }), { timeout: 5000, interval: 100 });
  });

  it('is not given up because callers leave', async () => {
    const model = open();
    server.always({ chunks: ['Half a'], ending: 'SILENCE' });
    for (let call = 0; call < 12; call += 1) {
      const controller = new AbortController();
      const events = model.write(PROMPT, within(10_000, controller.signal));
      await events.next();
      controller.abort();
      await expect(events.next()).rejects.toMatchObject({ kind: 'CANCELLED' });
    }
    server.always({ chunks: ['Fine.'] });
    expect(await read(model)).toMatchObject({ text: 'Fine.' });
  });

  it('tells nothing of what the endpoint said in its failures, which may repeat the prompt', async () => {
    server.script({ status: 503 });
    const failure = await open()
      .write(PROMPT, within())
      .next()
      .catch((error: unknown) => error);
    expect(String(failure)).toBe('LlmFailure: The language model failed: REFUSED (HTTP 503).');
    expect((failure as Error).cause).toBeUndefined();
  });

  it('is optional, but not by half', () => {
    const config = { llmApiKey: undefined, llmIdleMs: 1, llmTotalMs: 1, llmMaxTokens: 1, llmMaxCalls: 1 };
    expect(openLanguageModel({ ...config, llmBaseUrl: undefined, llmModel: undefined })).toBeUndefined();
    expect(() => openLanguageModel({ ...config, llmBaseUrl: 'http://127.0.0.1:1/v1', llmModel: undefined })).toThrow(StartError);
    expect(() => openLanguageModel({ ...config, llmBaseUrl: undefined, llmModel: 'm' })).toThrow(/REPLYMESH_LLM_BASE_URL/);
  });
});
