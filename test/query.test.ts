import { setTimeout as wait } from 'node:timers/promises';
import { type ClientError, Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Action, type Decision, DecisionReason } from '../gen/replymesh/type/v1/decision.js';
import { ImportOutcome } from '../gen/replymesh/v1/knowledge_service.js';
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
    const question = 'Where is my refund? I returned the jacket two weeks ago.';
    // Right after the start articles are found by their words alone, and by meaning a moment later.
    let decision!: Decision;
    const sources = async () => {
      decision = await ask(question, { customerId: 'cus_ada' });
      return decision.reply?.citations.length;
    };
    await expect.poll(sources, { timeout: 30_000 }).toBeGreaterThan(0);
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

  it('about an order that is not on file is never answered from another one that is', async () => {
    const aboutOrder = async (number: string): Promise<string> =>
      (await ask(`Where is my order ${number}?`, { customerId: 'cus_ada' })).reply?.text ?? '';
    expect(await aboutOrder('NW-10482')).toContain('NW-10482');
    expect(await aboutOrder('555123')).not.toMatch(/NW-10482|NWT5582017394|Shipped/);
  });

  it('about something unknown goes to a person', async () => {
    const { action, reason, suggestedActions } = await ask('Which planet has the most moons, and who discovered them first?');
    expect([action, reason, suggestedActions]).toEqual([Action.ESCALATE, DecisionReason.OUT_OF_SCOPE, []]);
  });

  it('is kept, without the personal data it held, and found again', async () => {
    const decision = await ask('My e-mail is ada@mail.example.com, where is my refund?', { customerId: 'cus_ada' });
    const { query } = await t.queries.getQuery({ id: decision.id });
    expect(query?.text).toBe('My e-mail is {{EMAIL_1}}, where is my refund?');
    expect(query?.decision?.action).toBe(decision.action);
  });

  it('is kept without the names and numbers in it', async () => {
    const { id } = await ask('Hi, this is Krisztina Horváth from Lisbon. Where is the refund of order NW-10482?', {
      customerId: 'cus_ada',
    });
    expect((await t.queries.getQuery({ id })).query?.text).toBe(
      'Hi, this is {{NAME_1}} from {{PLACE_1}}. Where is the refund of order {{ORDER_1}}?',
    );
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

  // The last two are longer once personal data is masked, or each character has its one spelling.
  it.each([
    ...['🙂🙂🙂', 'أين طلبي؟', '?!…', 'a\0b', 'a'.repeat(10_000)],
    Array.from({ length: 10_000 }, (_, i) => `${i}@b.c`)
      .join(' ')
      .slice(0, 10_000),
    '\u{1d160}'.repeat(10_000),
  ])('of any kind gets an answer: %.12s', async (text) => {
    const { id, degraded } = await ask(text);
    expect([id, degraded]).toEqual([expect.stringMatching(/^qry_/), []]);
    expect((await t.queries.getQuery({ id })).query?.id).toBe(id);
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

  const eventsOf = async (query: object) => {
    const events: NonNullable<StreamQueryResponse['event']>[] = [];
    for await (const { event } of t.queries.streamQuery({ query })) events.push(event!);
    return events;
  };
  /** Reads the first event, which says the id, and leaves. */
  const leaveAfterAccepted = async (query: object): Promise<string> => {
    for await (const { event } of t.queries.streamQuery({ query })) return event?.$case === 'accepted' ? event.value.id : 'no id';
    return 'no event';
  };

  it('that its caller leaves after "accepted" is answered to its end and recorded all the same', async () => {
    const id = await leaveAfterAccepted({ text: 'Where is my parcel?', customerId: 'cus_ada' });
    const reply = (): Promise<string | undefined> =>
      t.queries.getQuery({ id }).then(
        ({ query }) => query?.decision?.reply?.text,
        () => 'not yet',
      );
    await expect.poll(reply, { timeout: 10_000 }).toMatch(/^(?!not yet).+/);
    expect((await t.queries.getQuery({ id })).query?.decision?.reason).not.toBe(DecisionReason.INCOMPLETE_REPLY);
  });

  it('that its caller leaves is the answer to a retry', async () => {
    const query = { text: 'Where is my parcel?', requestId: 'left-1' };
    const id = await leaveAfterAccepted(query);
    const decision = await ask(query.text, { requestId: query.requestId });
    expect([decision.id, decision.reply?.text]).toEqual([id, expect.stringMatching(/.+/)]);
  });

  it('of a request that was answered before gives that answer', async () => {
    const query = { text: 'Where is my parcel?', requestId: 'again-1' };
    const { id } = await ask(query.text, { requestId: query.requestId });
    const events = await eventsOf(query);
    expect(events.map((e) => e.$case)).toEqual(['accepted', 'decision']);
    expect(events.map((e) => (e.$case === 'accepted' || e.$case === 'decision' ? e.value.id : ''))).toEqual([id, id]);
  });

  it('gives the same error as a call when nothing has begun', async () => {
    await ask('Where is my order?', { requestId: 'again-2' });
    const error = await eventsOf({ text: 'Cancel my order', requestId: 'again-2' }).catch((e: unknown) => e as ClientError);
    expect((error as ClientError).code).toBe(Status.ALREADY_EXISTS);
  });
});

describe('callers who send the same request', () => {
  it('are answered though the first of them leaves', async () => {
    const leave = new AbortController();
    const same = { text: 'Where is my refund?', requestId: 'shared-1' };
    const first = t.queries.processQuery(same, { signal: leave.signal }).catch((e: Error) => e.name);
    const others = Array.from({ length: 5 }, () => ask(same.text, same));
    await wait(20);
    leave.abort();
    expect(await first).toBe('AbortError');
    expect(new Set((await Promise.all(others)).map((d) => d.id)).size).toBe(1);
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

describe('a batch', () => {
  it('answers a caller who waits for each answer before the next message', async () => {
    let answered = (): void => {};
    async function* messages() {
      for (const correlationId of ['1', '2', '3']) {
        const answer = new Promise<void>((resolve) => (answered = resolve));
        yield { correlationId, query: { text: 'Where is my order?' } };
        await answer;
      }
    }
    const ids: string[] = [];
    for await (const { correlationId } of t.queries.batchProcessQueries(messages(), { signal: AbortSignal.timeout(30_000) })) {
      ids.push(correlationId);
      answered();
    }
    expect(ids).toEqual(['1', '2', '3']);
  });

  it('takes the header Idempotency-Key for none of its messages', async () => {
    const { metadata } = await t.as('demo');
    metadata.set('idempotency-key', 'batch-1');
    async function* messages() {
      yield { correlationId: '1', query: { text: 'Where is my order?' } };
      yield { correlationId: '2', query: { text: 'Cancel my order' } };
    }
    const outcomes: (string | undefined)[] = [];
    for await (const { result } of t.queries.batchProcessQueries(messages(), { metadata })) outcomes.push(result?.$case);
    expect(outcomes).toEqual(['decision', 'decision']);
  });

  it('goes on after a message whose correlation id breaks the contract', async () => {
    async function* messages() {
      yield { correlationId: '', query: { text: 'Where is my order?' } };
      yield { correlationId: 'x'.repeat(200), query: { text: 'Where is my order?' } };
      yield { correlationId: 'good', query: { text: 'Where is my order?' } };
    }
    const outcomes = new Map<string, string | undefined>();
    for await (const { correlationId, result } of t.queries.batchProcessQueries(messages()))
      outcomes.set(correlationId, result?.$case === 'error' ? result.value.message : result?.$case);
    expect(outcomes).toEqual(
      new Map([
        ['', expect.stringContaining('correlation_id')],
        ['x'.repeat(128), expect.stringContaining('correlation_id')],
        ['good', 'decision'],
      ]),
    );
  });
});

describe('feedback', () => {
  it('counts once, however often the same Idempotency-Key is sent', async () => {
    const { id: queryId } = await ask('Where is my refund?');
    const { metadata } = await t.as('demo');
    metadata.set('idempotency-key', 'feedback-1');
    const give = async (more: object = {}) => (await t.feedback.submitFeedback({ queryId, satisfaction: 5 }, more)).feedback?.id;
    expect(await give({ metadata })).toBe(await give({ metadata }));
    expect(await give()).not.toBe(await give());
  });
});

describe('an import', () => {
  it('of one bad article among good ones stores the good ones and says what is wrong with the other', async () => {
    const article = (id: string, title: string) => ({ id, title, body: 'Thirty days.', language: 'en' });
    const { articles } = await t.knowledge.importArticles(
      { articles: [article('import-one', 'One'), article('import-two', ''), article('import-three', 'Three')] },
      await t.as('importer'),
    );
    expect(articles.map((a) => [a.outcome, a.error?.code])).toEqual([
      [ImportOutcome.CREATED, undefined],
      [ImportOutcome.FAILED, Status.INVALID_ARGUMENT],
      [ImportOutcome.CREATED, undefined],
    ]);
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
