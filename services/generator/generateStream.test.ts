import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { GenerateRequest, type GenerateResponse } from '../../gen/replymesh/generator/v1/generator_service.js';
import { CustomerTier, FactType } from '../../gen/replymesh/type/v1/customer.js';
import { Action, ReplyOrigin } from '../../gen/replymesh/type/v1/decision.js';
import { log } from '../../lib/log.js';
import { packageRoot } from '../../lib/packageRoot.js';
import { type LlmReply, type LlmServer, startLlmServer } from '../../test/llmServer.js';
import { generate } from './generate.js';
import { type GenerateParts, generateStream } from './generateStream.js';
import { type LanguageModel, openLanguageModel } from './llm.js';
import { loadWording } from './wordingFile.js';

const wording = loadWording(fileURLToPath(new URL('services/generator/wording/en.json', packageRoot)));
const GREETING = 'Hello Ada Mensah,\n\n';
const CLOSING = `\n\n${wording.closing}`;
const REFUND = 'We send every refund within 5 working days.';
const PASSAGES = [
  {
    id: 'refund-times#0',
    articleId: 'refund-times',
    title: 'How long a refund takes',
    text: `${REFUND} Some banks need up to 2 more working days to show the money.`,
    score: 1,
    textSha256: '',
  },
  {
    id: 'track-a-refund#0',
    articleId: 'track-a-refund',
    title: 'Track a refund',
    text: 'Open Account > Orders, choose the order and select Refund.',
    score: 0.5,
    textSha256: '',
  },
];
const REQUEST = GenerateRequest.fromPartial({
  text: 'Where is my refund? Write to {{EMAIL_1}}.',
  intent: 'track_refund',
  action: Action.AUTO,
  passages: PASSAGES,
  customer: {
    id: 'cus_ada',
    displayName: 'Ada Mensah',
    tier: CustomerTier.PREMIUM,
    language: 'en',
    facts: [{ key: 'order.number', value: 'NW-10482', type: FactType.NUMBER }],
  },
  language: 'en',
});

let server: LlmServer;
const models: LanguageModel[] = [];
beforeAll(async () => {
  server = await startLlmServer();
});
afterEach(async () => {
  server.script();
  for (const model of models.splice(0)) await model.close();
});
afterAll(() => server.close());

function parts(llm: { idleMs?: number } | undefined): GenerateParts {
  const config = {
    llmBaseUrl: server.baseUrl,
    llmModel: 'test-model',
    llmApiKey: undefined,
    llmIdleMs: llm?.idleMs ?? 5000,
    llmTotalMs: 10_000,
    llmMaxTokens: 300,
    llmMaxCalls: 16,
  };
  const languageModel = llm && openLanguageModel(config);
  if (languageModel) models.push(languageModel);
  return { wording, languageModel, maxPassageChars: 10_000 };
}
const call = (ms = 10_000, signal = new AbortController().signal) => ({ signal, deadline: new Date(Date.now() + ms), log });

/** Everything that one stream says. */
async function reply(of: GenerateParts, request: GenerateRequest = REQUEST, within = call()) {
  const sentences: string[] = [];
  const results: GenerateResponse[] = [];
  for await (const { event } of generateStream(of)({ request }, within)) {
    if (event?.$case === 'sentence') {
      expect(results).toEqual([]);
      expect(event.value).not.toBe('');
      sentences.push(event.value);
    } else if (event) results.push(event.value);
  }
  expect(results).toHaveLength(1);
  const result = results[0] as GenerateResponse;
  expect(result.reply?.text).toBe(sentences.join(''));
  return { sentences, text: result.reply?.text ?? '', ...result };
}
const words = (text: string): string[] => text.match(/\S+\s*/g) ?? [];

describe('a reply without a language model', () => {
  it('is approved wording, sentence by sentence, with its sources and next actions', async () => {
    const result = await reply(parts(undefined));
    expect(result.sentences.length).toBeGreaterThan(3);
    expect(result).toMatchObject({ complete: true, languageModelFailed: false, withheldSentences: 0, promptSha256: '', usage: undefined });
    expect(result.reply).toMatchObject({ language: 'en', origin: ReplyOrigin.APPROVED_WORDING });
    expect(result.reply?.citations.map((one) => one.passageId)).toEqual(['track-a-refund#0', 'refund-times#0']);
    expect(result.suggestedActions).toEqual([{ action: 'refund.track', label: 'Show the status of the refund' }]);
    expect(result.text.startsWith(GREETING) && result.text.endsWith(CLOSING)).toBe(true);
  });

  it('is the same whole as in a stream', async () => {
    const stream = generateStream(parts(undefined));
    const { sentences: _, text: __, ...result } = await reply(parts(undefined));
    expect(await generate({ generateStream: stream })(REQUEST, call())).toEqual(result);
  });
});

describe('a reply of a language model', () => {
  it('has the numbers that the model was not told, where it repeats what stands for them', async () => {
    server.script({ chunks: ['Your order is {{FA', 'CT_1}}. Your order is {{FACT_2}}. ', `${REFUND} [1]`] });
    const result = await reply(parts({}));
    expect(result.sentences).toEqual([GREETING, 'Your order is NW-10482. ', `${REFUND} `, CLOSING]);
    expect(result.withheldSentences).toBe(1);
    expect(JSON.stringify(server.requests.at(-1))).not.toContain('10482');
  });

  it('keeps what the sources say, with greeting, farewell, citations and what it took', async () => {
    server.script({
      chunks: words(`${REFUND} [1] Open Account > Orders and choose the order [2].`),
      usage: { prompt: 50, completion: 20 },
    });
    const result = await reply(parts({}));
    expect(result.sentences).toEqual([GREETING, `${REFUND} `, 'Open Account > Orders and choose the order.', CLOSING]);
    expect(result).toMatchObject({
      complete: true,
      withheldSentences: 0,
      languageModelFailed: false,
      usage: { model: 'test-model', promptTokens: 50, completionTokens: 20 },
    });
    expect(result.promptSha256).toMatch(/^[0-9a-f]{64}$/);
    expect(result.reply).toMatchObject({ origin: ReplyOrigin.LANGUAGE_MODEL, language: 'en' });
    expect(result.reply?.citations).toEqual(PASSAGES.map(({ articleId, id, title }) => ({ articleId, passageId: id, title })));
  });

  it('loses the sentences that no source supports, and counts them', async () => {
    server.script({ chunks: words(`Thank you for your message. ${REFUND} I have refunded 500 USD. We guarantee it by tomorrow.`) });
    const result = await reply(parts({}));
    expect(result.text).toBe(`${GREETING}Thank you for your message. ${REFUND} ${CLOSING}`);
    expect(result).toMatchObject({ complete: true, withheldSentences: 2 });
  });

  it('leaves sentence by sentence, while the model still writes', async () => {
    server.script({ chunks: [`${REFUND} Some`], ending: 'SILENCE' });
    const stream = generateStream(parts({}))({ request: REQUEST }, call());
    expect((await stream.next()).value).toMatchObject({ event: { value: GREETING } });
    expect((await stream.next()).value).toMatchObject({ event: { value: `${REFUND} ` } });
    const before = server.aborted();
    await stream.return(undefined);
    await vi.waitFor(() => expect(server.aborted()).toBe(before + 1));
  });

  it('has the greeting and farewell of approved wording, never its own', async () => {
    server.script({ chunks: [`Dear Ada,\n\n${REFUND}\n\nBest regards,\nYour friendly robot. Call +1 999 9999.`] });
    expect((await reply(parts({}))).text).toBe(`${GREETING}${REFUND}${CLOSING}`);
  });

  it('may repeat what is masked in the message', async () => {
    server.script({ chunks: [`We write to {{EMAIL_1}}. ${REFUND} We write to {{EMAIL_2}}.`] });
    expect((await reply(parts({}))).text).toBe(`${GREETING}We write to {{EMAIL_1}}. ${REFUND} ${CLOSING}`);
  });

  it.each<[how: string, reply: LlmReply]>([
    ['is cut cleanly', { ending: 'CUT' }],
    ['is cut by a reset', { ending: 'RESET' }],
    ['ends without a finish reason', { ending: 'NO_FINISH_REASON' }],
    ['falls silent', { ending: 'SILENCE' }],
    ['sends garbage', { ending: 'GARBAGE' }],
  ])('that %s after a sentence is incomplete, and nothing is put in its place', async (_, ending) => {
    server.script({ ...ending, chunks: words(`${REFUND} Some banks need up`) });
    const result = await reply(parts({ idleMs: 80 }));
    expect(result.text).toBe(`${GREETING}${REFUND} `);
    expect(result).toMatchObject({ complete: false, languageModelFailed: true, reply: { origin: ReplyOrigin.LANGUAGE_MODEL } });
  });

  it('that reaches its limit of tokens is incomplete, without its half sentence', async () => {
    server.script({ chunks: words(`${REFUND} Some banks need up`), finishReason: 'length' });
    const result = await reply(parts({}));
    expect(result.text).toBe(`${GREETING}${REFUND} `);
    expect(result).toMatchObject({ complete: false, languageModelFailed: false });
  });

  it('that runs on without end of a sentence is incomplete', async () => {
    server.script({ chunks: [`${REFUND} And `, 'so on and '], ending: 'ENDLESS' });
    expect(await reply(parts({}))).toMatchObject({ text: `${GREETING}${REFUND} `, complete: false });
  });

  it.each<[how: string, reply: LlmReply]>([
    ['answers 503', { status: 503 }],
    ['answers 429', { status: 429 }],
    ['is silent', { silentBeforeHeaders: true }],
    ['is cut before its first sentence ended', { chunks: ['We send every'], ending: 'RESET' }],
  ])('that %s is replaced by approved wording, and the answer says so', async (_, script) => {
    server.script(script);
    const result = await reply(parts({ idleMs: 80 }));
    const plain = await reply(parts(undefined));
    expect(result.text).toBe(plain.text);
    expect(result.reply).toEqual(plain.reply);
    expect(result).toMatchObject({ complete: true, languageModelFailed: true, languageModelUnusable: false });
  });

  it.each<[how: string, reply: LlmReply]>([
    ['says nothing that a source supports', { chunks: ['I have refunded 500 USD. It arrives tomorrow.'] }],
    ['is only polite', { chunks: ['Thank you for your message. We are happy to help you.'] }],
    ['says nothing', { chunks: [] }],
  ])('that %s is replaced by approved wording too, but did not fail', async (_, script) => {
    server.script(script);
    const result = await reply(parts({}));
    expect(result.reply).toEqual((await reply(parts(undefined))).reply);
    expect(result).toMatchObject({ complete: true, languageModelFailed: false, languageModelUnusable: true });
  });

  it('is in time even when the model is too slow: approved wording comes before the deadline', async () => {
    server.script({ silentBeforeHeaders: true });
    const within = call(600);
    expect(await reply(parts({}), REQUEST, within)).toMatchObject({ languageModelFailed: true, complete: true });
    expect(Date.now()).toBeLessThan(within.deadline.getTime());
  });

  it('ends when its caller leaves, with no reply', async () => {
    const controller = new AbortController();
    server.script({ silentBeforeHeaders: true });
    const before = server.requests.length;
    const answer = reply(parts({}), REQUEST, call(10_000, controller.signal));
    const failed = expect(answer).rejects.toMatchObject({ name: 'AbortError' });
    await vi.waitFor(() => expect(server.requests.length).toBe(before + 1));
    controller.abort();
    await failed;
  });

  it.each<[what: string, request: Partial<GenerateRequest>]>([
    ['a person will answer', { action: Action.ESCALATE }],
    ['no intent is known', { intent: '' }],
    ['there is nothing to answer from', { passages: [], customer: undefined }],
  ])('is not asked for when %s', async (_, more) => {
    const before = server.requests.length;
    const result = await reply(parts({}), { ...REQUEST, ...more });
    expect(server.requests.length).toBe(before);
    expect(result).toMatchObject({
      complete: true,
      languageModelFailed: false,
      promptSha256: '',
      reply: { origin: ReplyOrigin.APPROVED_WORDING },
    });
  });

  it('holds only what the sources say, whatever the model writes', async () => {
    const sentence = fc.constantFrom(
      REFUND,
      'Thank you.',
      'I cancelled it.',
      'It costs 12 USD.',
      'Call +1 555 9999.',
      'Ask Zenith Couriers.',
      '\n\n',
      '[1]',
      '[7]',
      'Hello,\n',
      '**Sorry!**',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(sentence, { maxLength: 8 }), fc.integer({ min: 1, max: 12 }), async (sentences, size) => {
        const text = sentences.join(' ');
        server.script({ chunks: text.match(new RegExp(`[\\s\\S]{1,${size}}`, 'g')) ?? [] });
        const result = await reply(parts({}));
        expect(result.text).not.toMatch(/cancelled it|12 USD|9999|Zenith|\[\d/);
        expect(result.reply?.origin).toBe(sentences.includes(REFUND) ? ReplyOrigin.LANGUAGE_MODEL : ReplyOrigin.APPROVED_WORDING);
        expect(result.complete).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});
