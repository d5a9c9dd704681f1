import { type ClientError, Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Action, type Decision, DecisionReason } from '../gen/replymesh/type/v1/decision.js';
import type { StreamQueryResponse } from '../gen/replymesh/v1/query_service.js';
import { startTestMesh, type TestMesh } from './mesh.js';

let t: TestMesh;
beforeAll(async () => {
  t = await startTestMesh();
});
afterAll(() => t?.stop());

const ask = async (text: string, more: object = {}): Promise<Decision> => (await t.queries.processQuery({ text, ...more })).decision!;

describe('one message', () => {
  it('is understood and answered with its evidence', async () => {
    const decision = await ask('Where is my refund? I returned the jacket two weeks ago.', { customerId: 'cus_ada' });
    expect(decision.intents[0]?.label).toBe('track_refund');
    expect(decision.confidence).toBeGreaterThan(0.5);
    expect(decision.uncertainty?.samples).toBe(30);
    expect(decision.reply?.text).not.toBe('');
    expect(decision.reply?.citations.length).toBeGreaterThan(0);
    expect(decision.evidence).toMatchObject({ policyVersion: '2026-11-01', bundleDigest: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(decision.degraded).toEqual([]);
  });

  it('may be answered unseen where the knowledge holds what the reply says, and where it does not, a person looks first', async () => {
    const question = { text: 'Where is my refund?', customerId: 'cus_ada' };
    const { decision } = await t.queries.processQuery(question);
    expect([decision?.action, decision?.reason]).toEqual([Action.AUTO, DecisionReason.PERMITTED]);
    for (const { articleId, passageId } of decision!.reply!.citations) {
      expect((await t.knowledge.getArticle({ id: articleId })).article?.id).toBe(articleId);
      expect(passageId).toMatch(new RegExp(`^${articleId}#\\d+$`));
    }
    const elsewhere = (await t.queries.processQuery(question, await t.as('without-articles'))).decision!;
    expect([elsewhere.action, elsewhere.reason]).toEqual([Action.DRAFT, DecisionReason.NO_SOURCE]);
    expect(elsewhere.reply?.citations).toEqual([]);
  });

  it('about something unknown goes to a person', async () => {
    expect((await ask('Which planet has the most moons, and who discovered them first?')).action).toBe(Action.ESCALATE);
  });

  it('is kept, without the personal data it held, and found again', async () => {
    const decision = await ask('My e-mail is ada@mail.example.com, where is my refund?', { customerId: 'cus_ada' });
    const { query } = await t.queries.getQuery({ id: decision.id });
    expect(query?.text).toBe('My e-mail is {{EMAIL_1}}, where is my refund?');
    expect(query?.decision?.action).toBe(decision.action);
  });

  it('gives one reply, however often the same request is sent', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask('Where is my refund?', { requestId: 'r-1' })));
    expect(new Set(answers.map((a) => a.id)).size).toBe(1);
    expect((await ask('Where is my refund?', { requestId: 'r-1' })).id).toBe(answers[0]?.id);
  });

  it('is refused when its request id was used for another one', async () => {
    await ask('Where is my order?', { requestId: 'r-2' });
    const error = await ask('Cancel my order', { requestId: 'r-2' }).catch((e: unknown) => e as ClientError);
    expect((error as ClientError).code).toBe(Status.ALREADY_EXISTS);
  });

  it.each(['🙂🙂🙂', 'أين طلبي؟', '?!…', 'a'.repeat(10_000)])('of any kind gets an answer: %.12s', async (text) => {
    expect((await ask(text)).id).toMatch(/^qry_/);
  });
});

describe('a stream', () => {
  it('tells what happens and ends with the decision', async () => {
    const events: StreamQueryResponse['event'][] = [];
    for await (const { event } of t.queries.streamQuery({ query: { text: 'How can I get a refund?' } })) events.push(event);
    const cases = events.map((e) => e?.$case);
    expect(cases.slice(0, 2)).toEqual(['accepted', 'understood']);
    expect(cases.at(-1)).toBe('decision');
    const last = events.at(-1);
    const text = events.flatMap((e) => (e?.$case === 'sentence' ? [e.value.text] : [])).join('');
    expect(last?.$case === 'decision' && last.value.reply?.text).toBe(text);
  });

  it('that its caller leaves after "accepted" is recorded all the same', async () => {
    const stream = t.queries.streamQuery({ query: { text: 'Where is my parcel?' } })[Symbol.asyncIterator]();
    const first = await stream.next();
    const event = (first.value as StreamQueryResponse).event;
    const id = event?.$case === 'accepted' ? event.value.id : '';
    await stream.return?.();
    await expect
      .poll(
        () =>
          t.queries.getQuery({ id }).then(
            ({ query }) => query?.id,
            () => 'not yet',
          ),
        { timeout: 10_000 },
      )
      .toBe(id);
  });
});

describe('a batch', () => {
  it('answers every message under its own id, and a bad one alone fails', async () => {
    async function* messages() {
      for (let i = 0; i < 20; i += 1)
        yield { correlationId: String(i), query: { text: i === 7 ? '   ' : `Where is my order number ${i}?` } };
    }
    const answers = new Map<string, string | undefined>();
    for await (const { correlationId, result } of t.queries.batchProcessQueries(messages())) answers.set(correlationId, result?.$case);
    expect([...answers.keys()].sort((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 20 }, (_, i) => String(i)));
    expect([...answers].filter(([, outcome]) => outcome === 'error').map(([id]) => id)).toEqual(['7']);
  });
});

describe('callers', () => {
  it('read nothing of another tenant', async () => {
    const { id } = await ask('Where is my refund?');
    const error = await t.queries.getQuery({ id }, await t.as('rival')).catch((e: unknown) => e);
    expect((error as ClientError).code).toBe(Status.NOT_FOUND);
    expect((await t.queries.listQueries({}, await t.as('rival'))).queries).toEqual([]);
  });

  it('need the scope that the contract asks for', async () => {
    const error = await t.queries.processQuery({ text: 'hello' }, await t.as('demo', ['queries.read'])).catch((e: unknown) => e);
    expect((error as ClientError).code).toBe(Status.PERMISSION_DENIED);
  });

  it('page through records and see each once', async () => {
    const seen: string[] = [];
    let pageToken = '';
    do {
      const page = await t.queries.listQueries({ pageSize: 3, pageToken });
      seen.push(...page.queries.map((q) => q.id));
      pageToken = page.nextPageToken;
    } while (pageToken);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.length).toBeGreaterThan(5);
  });
});

describe('the logs', () => {
  it('hold no word of a customer and no token', async () => {
    await ask('My zanzibarian umbrella has not arrived, mail me at zanzi@mail.example.com');
    const all = t.output.join('\n');
    expect(all).not.toMatch(/zanzi|umbrella/i);
    expect(all).not.toContain(t.token.slice(0, 40));
  });
});
