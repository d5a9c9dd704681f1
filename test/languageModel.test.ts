import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Action, DecisionReason, Degradation, ReplyOrigin } from '../gen/replymesh/type/v1/decision.js';
import { type LlmServer, startLlmServer } from './llmServer.js';
import { startTestMesh, type TestMesh } from './mesh.js';

let llm: LlmServer;
let t: TestMesh;
beforeAll(async () => {
  llm = await startLlmServer();
  t = await startTestMesh({ withEnvoy: false, env: { REPLYMESH_LLM_BASE_URL: llm.baseUrl, REPLYMESH_LLM_MODEL: 'test-model' } });
});
afterAll(async () => {
  await t?.stop();
  await llm?.close();
});

const ask = async (text: string, more: object = {}) => (await t.queries.processQuery({ text, customerId: 'cus_ada', ...more })).decision!;

describe('with a language model of the operator’s own', () => {
  it('it writes the reply, and the decision says so with what it took', async () => {
    const { reply, evidence, degraded } = await ask('How long does delivery take?');
    expect([reply?.origin, degraded]).toEqual([ReplyOrigin.LANGUAGE_MODEL, []]);
    expect(evidence).toMatchObject({ promptSha256: expect.stringMatching(/^[0-9a-f]{64}$/), usage: { model: 'test-model' } });
    expect(evidence!.usage!.completionTokens).toBeGreaterThan(0);
  });

  it('personal data never reaches it', async () => {
    await ask('This is Ingrid Solberg. How long does delivery take? My e-mail is zanzi@mail.example.com');
    const sent = JSON.stringify(llm.requests.at(-1)!.body.messages);
    expect(sent).toContain('This is {{NAME_1}}. How long does delivery take? My e-mail is {{EMAIL_1}}');
    expect(sent).not.toMatch(/zanzi|Ingrid|Solberg/);
  });

  it('what was masked for it is restored for the customer alone, also when the same request comes again', async () => {
    llm.script({ chunks: ['You asked about order {{ORDER_1}}, {{NAME_1}}.'] });
    const question = 'This is Ingrid Solberg. How long does delivery of order 4711-22 take?';
    const first = await ask(question, { requestId: 'llm-2' });
    expect(first.reply?.text).toContain('You asked about order 4711-22, Ingrid Solberg.');
    expect((await ask(question, { requestId: 'llm-2' })).reply?.text).toBe(first.reply?.text);
    const { query } = await t.queries.getQuery({ id: first.id });
    expect(query?.decision?.reply?.text).toContain('You asked about order {{ORDER_1}}, {{NAME_1}}.');
  });

  it('one request is one call of it, however often it is sent', async () => {
    const before = llm.requests.length;
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask('How long does delivery take?', { requestId: 'llm-1' })));
    expect(new Set(answers.map((a) => a.id)).size).toBe(1);
    expect(llm.requests.length - before).toBe(1);
  });

  it('what it invents is withheld, and a person looks at the rest', async () => {
    llm.script({ chunks: ['We have sent you 999.99 USD this morning.'] });
    const decision = await ask('How long does delivery take?');
    expect(decision.reply?.text).not.toContain('999.99');
    expect([decision.action, decision.reason]).toEqual([Action.DRAFT, DecisionReason.UNSUPPORTED_SENTENCE]);
    expect(decision.evidence?.withheldSentences).toBe(1);
  });

  it('a reply of which nothing may be sent is no failure of it, and approved wording stands in', async () => {
    for (const chunks of [[], ['We have sent you 999.99 USD this morning.']]) {
      llm.script({ chunks });
      const { reply, degraded } = await ask('How long does delivery take?');
      expect([reply?.origin, degraded]).toEqual([ReplyOrigin.APPROVED_WORDING, [Degradation.LANGUAGE_MODEL_UNUSABLE]]);
    }
  });

  it('approved wording stands in while it fails, and it writes again when it is back', async () => {
    llm.always({ status: 500 });
    const without = await ask('How long does delivery take?');
    expect([without.reply?.origin, without.degraded]).toEqual([ReplyOrigin.APPROVED_WORDING, [Degradation.LANGUAGE_MODEL_UNAVAILABLE]]);
    llm.always(undefined);
    await expect
      .poll(async () => (await ask('How long does delivery take?')).reply?.origin, { timeout: 10_000 })
      .toBe(ReplyOrigin.LANGUAGE_MODEL);
  });
});
