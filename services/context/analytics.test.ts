import { readFileSync } from 'node:fs';
import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Channel } from '../../gen/replymesh/type/v1/customer.js';
import { Action, Decision, DecisionReason, type Query } from '../../gen/replymesh/type/v1/decision.js';
import { type GetSummaryRequest, Granularity, Metric, type Summary } from '../../gen/replymesh/v1/analytics_service.js';
import { packageRoot } from '../../lib/packageRoot.js';
import { aQuery, newTenant, openTestStore, reasonOf, startContext, storeKinds, until } from './context.fixture.js';
import { recountHour } from './recount.js';
import { recountAfterRestore, rollUpEvents } from './rollUpEvents.js';
import { rowsOf, type Store } from './store.js';

const HOUR_MS = 3_600_000;
const START = new Date('2026-11-20T00:00:00Z').getTime();
const hour = (n: number): Date => new Date(START + n * HOUR_MS);

describe.each(storeKinds)('analytics on %s', (kind) => {
  let store: Store;
  let mesh: Awaited<ReturnType<typeof startContext>>;
  beforeAll(async () => {
    store = await openTestStore(kind, true);
    mesh = await startContext(store);
    await recountAll();
  });
  afterAll(async () => {
    await mesh.close();
    await store.close();
  });
  type As = ReturnType<typeof newTenant>['as'];

  const rollUpAll = async (limit?: number): Promise<void> => {
    while ((await rollUpEvents(store, limit)).events > 0);
  };
  /** On a server that others use too, their transactions hold events back. */
  const isAllRolledUp = async (): Promise<boolean> => {
    await rollUpAll();
    const waiting = await store.background((tx) =>
      rowsOf(
        tx,
        sql`
          select 1 from outbox o join analytics_progress p on (o.transaction_id, o.position) > (p.transaction_id, p.position)
          where p.tenant = '' limit 1`,
      ),
    );
    return waiting.length === 0;
  };
  const recountAll = async (): Promise<void> => {
    while (await recountHour(store));
  };
  /** From this tenant on. */
  const askForRecount = (tenant: string) =>
    store.background((tx) =>
      tx.execute(sql`update analytics_progress set recounting = true, recount_tenant = ${tenant}, recount_from = '-infinity'`),
    );
  /** Every hour of this tenant alone. */
  const recountOf = async (tenant: string): Promise<void> => {
    const at = async () =>
      (await store.background((tx) => rowsOf<{ tenant: string }>(tx, sql`select recount_tenant as tenant from analytics_progress`)))[0]
        ?.tenant;
    await askForRecount(tenant);
    while ((await at()) === tenant && (await recountHour(store)));
    await store.background((tx) => tx.execute(sql`update analytics_progress set recounting = false`));
  };
  const record = (query: Query, as: As) => mesh.context.recordDecision({ query, fingerprint: '' }, as);
  const summary = async (as: As, request: Partial<GetSummaryRequest> = {}): Promise<Summary> =>
    (await mesh.analytics.getSummary({ startTime: hour(0), endTime: hour(120), ...request }, as)).summary!;

  /** A message as the gateway would record it, with what analytics counts. */
  const message = (fields: {
    at: number;
    intent?: string;
    action?: Action;
    reason?: DecisionReason;
    confidence?: number;
    entropy?: number | undefined;
    tookMs?: number;
    channel?: Channel;
    labelSpace?: string;
    votes?: readonly [string, string][];
  }): Query => {
    const { intent = 'get_refund', action = Action.AUTO, reason = DecisionReason.PERMITTED, confidence = 0.9, votes = [] } = fields;
    const query = aQuery({
      createTime: new Date(fields.at),
      intent,
      action,
      confidence,
      channel: fields.channel ?? Channel.CHAT,
      labelSpace: fields.labelSpace ?? 'support',
    });
    const decision = Decision.fromPartial({
      ...query.decision,
      reason,
      uncertainty: fields.entropy === undefined ? undefined : { predictiveEntropy: fields.entropy },
      timings: { totalUs: Math.round((fields.tookMs ?? 0) * 1000) },
      evidence: { ...query.decision?.evidence, memberVotes: votes.map(([member, label]) => ({ member, intents: [{ label, score: 1 }] })) },
    });
    return { ...query, decision };
  };

  interface Word {
    readonly of: number;
    readonly atMs: number;
    readonly satisfaction?: number | undefined;
    readonly resolved?: boolean | undefined;
    readonly correctedIntent?: string | undefined;
  }

  /** The figures by reading every record and every word: what the roll-ups have to come to. */
  function scan(queries: readonly Query[], words: readonly Word[], asked: Partial<GetSummaryRequest> = {}) {
    const rows = queries
      .map((query, i) => ({ query, said: words.filter((word) => word.of === i) }))
      .filter(
        ({ query: q }) =>
          Number(q.createTime) >= Number(asked.startTime ?? hour(0)) &&
          Number(q.createTime) < Number(asked.endTime ?? hour(120)) &&
          (!asked.intent || q.decision!.intents[0]!.label === asked.intent) &&
          (!asked.channel || q.channel === asked.channel) &&
          (!asked.labelSpace || q.labelSpace === asked.labelSpace),
      )
      .map(({ query, said }) => ({
        decision: query.decision!,
        said,
        resolved: said.filter((w) => w.resolved !== undefined).at(-1),
        satisfaction: said.filter((w) => w.satisfaction !== undefined).at(-1)?.satisfaction,
        corrected: said.filter((w) => w.correctedIntent).at(-1)?.correctedIntent,
        at: Number(query.createTime),
      }));
    const share = (part: number, whole: number): number | undefined => (whole === 0 ? undefined : part / whole);
    const mean = (values: readonly number[]): number | undefined =>
      share(
        values.reduce((a, b) => a + b, 0),
        values.length,
      );
    const understood = rows.filter((r) => r.decision.uncertainty !== undefined);
    const confirmed = rows.filter((r) => r.resolved?.resolved === true);
    const denied = rows.filter((r) => r.resolved?.resolved === false);
    const withFeedback = rows.filter((r) => r.said.length > 0);
    const corrected = rows.filter((r) => r.corrected && r.corrected !== r.decision.intents[0]!.label);
    const satisfied = rows.flatMap((r) => r.satisfaction ?? []);
    const timed = rows.filter((r) => r.decision.timings!.totalUs > 0);
    const bins = (values: readonly number[], perUnit: number): number[] =>
      Array.from({ length: 20 }, (_, i) => values.filter((v) => Math.min(19, Math.floor(v * perUnit)) === i).length);
    return {
      volume: rows.length,
      automationRate: share(rows.filter((r) => r.decision.action === Action.AUTO).length, rows.length),
      draftRate: share(rows.filter((r) => r.decision.action === Action.DRAFT).length, rows.length),
      escalationRate: share(rows.filter((r) => r.decision.action === Action.ESCALATE).length, rows.length),
      volumes: Object.fromEntries(
        [...new Set(rows.map((r) => r.decision.intents[0]!.label))].map((intent) => [
          intent,
          rows.filter((r) => r.decision.intents[0]!.label === intent).length,
        ]),
      ),
      confidence: {
        mean: mean(understood.map((r) => r.decision.confidence)),
        bins: bins(
          understood.map((r) => r.decision.confidence),
          20,
        ),
      },
      uncertainty: {
        mean: mean(understood.map((r) => r.decision.uncertainty!.predictiveEntropy)),
        bins: bins(
          understood.map((r) => r.decision.uncertainty!.predictiveEntropy),
          4,
        ),
      },
      timed: timed.length,
      meanMs: mean(timed.map((r) => r.decision.timings!.totalUs / 1000)),
      satisfaction: { count: satisfied.length, mean: mean(satisfied) },
      resolution: {
        confirmedResolutions: confirmed.length,
        confirmedNonResolutions: denied.length,
        silences: rows.length - confirmed.length - denied.length,
        meanResolutionSeconds: mean(confirmed.map((r) => Math.max(0, r.resolved!.atMs - r.at) / 1000)),
      },
      correction: {
        withFeedback: withFeedback.length,
        corrected: corrected.length,
        correctedShare: share(corrected.length, withFeedback.length),
      },
    };
  }

  const told = (s: Summary) => ({
    volume: s.volume,
    automationRate: s.automationRate,
    draftRate: s.draftRate,
    escalationRate: s.escalationRate,
    volumes: Object.fromEntries(s.intents.map((i) => [i.intent, i.volume])),
    confidence: { mean: s.confidence!.mean, bins: s.confidence!.bins.map((b) => b.count) },
    uncertainty: { mean: s.uncertainty!.mean, bins: s.uncertainty!.bins.map((b) => b.count) },
    timed: s.responseTime!.count,
    meanMs: s.responseTime!.meanMs,
    satisfaction: s.satisfaction!,
    resolution: s.resolution!,
    correction: s.correction!,
  });
  /** Sums of floats differ in their last bits by the order that they are added in. */
  const rounded = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value, (_, v: unknown) => (typeof v === 'number' ? Number(v.toPrecision(9)) : v)));
  const expectSame = (s: Summary, scanned: ReturnType<typeof scan>): void => expect(rounded(told(s))).toEqual(rounded(scanned));

  const INTENTS = ['get_refund', 'track_order', 'cancel_order'];
  const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 });
  const anyMessage = fc.record({
    at: fc.integer({ min: START, max: START + 72 * HOUR_MS }),
    intent: fc.constantFrom(...INTENTS),
    action: fc.constantFrom(Action.AUTO, Action.DRAFT, Action.ESCALATE),
    reason: fc.constantFrom(DecisionReason.PERMITTED, DecisionReason.NO_SOURCE, DecisionReason.AMBIGUOUS),
    confidence: fc.double({ min: 0, max: 1, noNaN: true }),
    entropy: maybe(fc.double({ min: 0, max: 6, noNaN: true })),
    tookMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 100_000 })),
    channel: fc.constantFrom(Channel.CHAT, Channel.EMAIL),
    labelSpace: fc.constantFrom('support', 'banking'),
  });
  const anyWord = fc
    .record({
      about: fc.nat(),
      laterMs: fc.integer({ min: -HOUR_MS, max: 200 * HOUR_MS }),
      satisfaction: maybe(fc.integer({ min: 1, max: 5 })),
      resolved: maybe(fc.boolean()),
      correctedIntent: maybe(fc.constantFrom(...INTENTS)),
    })
    .filter((w) => w.satisfaction !== undefined || w.resolved !== undefined || w.correctedIntent !== undefined);
  const anyStep = fc.oneof(
    { weight: 5, arbitrary: anyMessage.map((one) => ({ kind: 'message' as const, one })) },
    { weight: 4, arbitrary: anyWord.map((one) => ({ kind: 'word' as const, one })) },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 4 }).map((limit) => ({ kind: 'rollUp' as const, limit })) },
    { weight: 1, arbitrary: fc.constant({ kind: 'askForRecount' as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'recountHour' as const }) },
  );
  const anyRequest = fc.record({
    startTime: maybe(fc.integer({ min: 0, max: 80 }).map(hour)),
    intent: maybe(fc.constantFrom(...INTENTS)).map((i) => i ?? ''),
    channel: maybe(fc.constantFrom(Channel.CHAT, Channel.EMAIL)).map((c) => c ?? Channel.UNSPECIFIED),
    labelSpace: maybe(fc.constantFrom('support', 'banking')).map((s) => s ?? ''),
  });

  it('counts every event once, also when many count at once', async () => {
    const { as, tenant } = newTenant();
    await rollUpAll();
    const queries = Array.from({ length: 40 }, (_, i) => message({ at: START + i * 1000, entropy: 1 }));
    await Promise.all(queries.map((query) => record(query, as)));
    const counting = await Promise.allSettled(Array.from({ length: 8 }, () => rollUpAll(3)));
    await rollUpAll();
    expect((await summary(as)).volume).toBe(40);
    for (const one of counting.filter((c) => c.status === 'rejected')) expect(String(one.reason)).toContain('Another instance counts');
    await recountOf(tenant);
    expect((await summary(as)).volume).toBe(40);
  });

  it('goes on past an event that is of no message as it should be', async () => {
    const { as, tenant } = newTenant();
    await store.within(as.within, (tx) =>
      tx.execute(sql`
        insert into outbox (tenant, event_id, type, subject, payload, created_at)
        values (${tenant}, 'QueryProcessed/odd', 'QueryProcessed', 'odd', '{"intent": "get_refund"}', now())`),
    );
    await record(message({ at: START }), as);
    expect((await summary(as)).volume).toBe(1);
    await until(isAllRolledUp);
    expect((await summary(as)).volume).toBe(1);
  });

  it('counts a late word in the hour of its message', async () => {
    const { as } = newTenant();
    const query = message({ at: START + 5 * HOUR_MS });
    await record(query, as);
    await rollUpAll();
    mesh.clock.now = new Date(START + 29 * HOUR_MS);
    await mesh.feedback.submitFeedback({ queryId: query.id, resolved: true, satisfaction: 4 }, as);
    await rollUpAll();
    const hours = { startTime: hour(5), endTime: hour(6) };
    expect(await summary(as, hours)).toMatchObject({
      volume: 1,
      resolution: { confirmedResolutions: 1, silences: 0, meanResolutionSeconds: 24 * 3600 },
      satisfaction: { count: 1, mean: 4 },
    });
    expect((await summary(as, { startTime: hour(29), endTime: hour(30) })).volume).toBe(0);
  });

  it('never takes silence for a resolution, and knows nothing of nothing', async () => {
    const { as } = newTenant();
    const empty = await summary(as);
    expect(empty).toMatchObject({
      volume: 0,
      intents: [],
      resolution: { confirmedResolutions: 0, silences: 0 },
      satisfaction: { count: 0 },
    });
    for (const unknown of [
      empty.automationRate,
      empty.confidence?.mean,
      empty.responseTime?.p95Ms,
      empty.resolution?.meanResolutionSeconds,
    ])
      expect(unknown).toBeUndefined();
    const [first, second] = [message({ at: START }), message({ at: START })];
    for (const query of [first, second, message({ at: START })]) await record(query, as);
    await mesh.feedback.submitFeedback({ queryId: first.id, resolved: false }, as);
    await mesh.feedback.submitFeedback({ queryId: second.id, satisfaction: 5 }, as);
    expect((await summary(as)).resolution).toMatchObject({ confirmedResolutions: 0, confirmedNonResolutions: 1, silences: 2 });
  });

  it('counts what no model has read, and leaves it out of confidence', async () => {
    const { as } = newTenant();
    await record(message({ at: START, confidence: 0.8, entropy: 0.2 }), as);
    await record(message({ at: START, intent: 'none', confidence: 0, action: Action.ESCALATE }), as);
    await rollUpAll();
    expect(await summary(as)).toMatchObject({
      volume: 2,
      escalationRate: 0.5,
      confidence: { count: 1, mean: 0.8 },
      uncertainty: { count: 1 },
    });
  });

  it('stays as it was when the records of a customer are gone', async () => {
    const { as } = newTenant();
    const query = message({ at: START, entropy: 1 });
    await record(query, as);
    await mesh.feedback.submitFeedback({ queryId: query.id, resolved: true }, as);
    await until(isAllRolledUp);
    const before = await summary(as);
    await store.within(as.within, async (tx) => {
      await tx.execute(sql`delete from feedback`);
      await tx.execute(sql`delete from queries`);
    });
    await rollUpAll();
    expect(await summary(as)).toEqual(before);
  });

  it('counts everything anew after a restore from a dump, whose transactions have other numbers', async () => {
    const { as } = newTenant();
    for (let i = 0; i < 3; i += 1) await record(message({ at: START + i * HOUR_MS }), as);
    await rollUpAll();
    expect(await recountAfterRestore(store)).toBe(false);
    await store.background((tx) => tx.execute(sql`update analytics_progress set transaction_id = '9000000000000000000'`));
    expect(await recountAfterRestore(store)).toBe(true);
    expect((await summary(as)).recounting).toBe(true);
    await recountAll();
    expect(await summary(as)).toMatchObject({ volume: 3, recounting: false });
  });

  it('counts everything anew when an operator asks for it, or puts back what was lost, by the SQL that the page gives', async () => {
    const page = readFileSync(new URL('docs/explanation/analytics.md', packageRoot), 'utf8');
    const blocks = [...page.matchAll(/```sql\n([^`]*)```/g)].map(([, block = '']) => block);
    const run = (block: string) =>
      store.owner(async (tx) => {
        for (const statement of block.split(';').filter((part) => part.trim() !== '')) await tx.execute(sql.raw(statement));
      });
    const { as } = newTenant();
    await record(message({ at: START }), as);
    await until(isAllRolledUp);
    const [ask, putBack] = blocks;
    await run(ask!);
    expect((await summary(as)).recounting).toBe(true);
    await recountAll();
    await run(
      'alter table analytics_progress no force row level security; delete from analytics_progress; alter table analytics_progress force row level security',
    );
    expect(await reasonOf(summary(as))).toBe('INTERNAL_ERROR');
    await run(putBack!);
    await recountAll();
    expect(await summary(as)).toMatchObject({ volume: 1, recounting: false });
  });

  it('is of the own tenant alone', async () => {
    const [mine, other] = [newTenant(), newTenant()];
    await record(message({ at: START, reason: DecisionReason.NO_SOURCE, votes: [['minilm', 'get_refund']] }), mine.as);
    for (const counted of [false, true]) {
      if (counted) await rollUpAll();
      const period = { startTime: hour(0), endTime: hour(1) };
      expect((await summary(other.as)).volume).toBe(0);
      expect((await mesh.analytics.listKnowledgeGaps(period, other.as)).gaps).toEqual([]);
      expect((await mesh.analytics.getModelAgreement(period, other.as)).models).toEqual([]);
      expect((await mesh.analytics.listKnowledgeGaps(period, mine.as)).gaps).toHaveLength(1);
    }
  });

  describe('over time', () => {
    const metrics = [Metric.VOLUME, Metric.ESCALATION_RATE, Metric.RESPONSE_TIME_P50, Metric.SILENCES];

    it('has every hour in order, and leaves out what is not known of one', async () => {
      const { as } = newTenant();
      await record(message({ at: START + 0.5 * HOUR_MS, action: Action.ESCALATE, tookMs: 200 }), as);
      await rollUpAll();
      await record(message({ at: START + 0.6 * HOUR_MS, tookMs: 200 }), as);
      const period = { startTime: hour(0), endTime: hour(3), granularity: Granularity.HOUR, metrics };
      const { points } = await mesh.analytics.getTimeSeries(period, as);
      expect(points.map((p) => p.startTime)).toEqual([hour(0), hour(1), hour(2)]);
      expect(points[0]?.values.map((v) => v.metric)).toEqual(metrics);
      const [volume, rate, p50, silences] = points[0]!.values.map((v) => v.value);
      expect([volume, rate, silences]).toEqual([2, 0.5, 2]);
      expect(Math.abs(p50! - 200) / 200).toBeLessThan(0.1);
      expect(points[1]?.values.map((v) => v.value)).toEqual([0, undefined, undefined, 0]);
    });

    it('has whole days by day, the volume when nothing is said', async () => {
      const { as } = newTenant();
      for (const n of [0, 23, 24]) await record(message({ at: START + n * HOUR_MS }), as);
      await rollUpAll();
      const { points } = await mesh.analytics.getTimeSeries({ startTime: hour(5), endTime: hour(25) }, as);
      expect(points.map((p) => [p.startTime, p.values])).toEqual([
        [hour(0), [{ metric: Metric.VOLUME, value: 2 }]],
        [hour(24), [{ metric: Metric.VOLUME, value: 1 }]],
      ]);
    });

    it('is refused when it is longer than a thousand, out of order, or of a figure that there is not', async () => {
      const { as } = newTenant();
      const refused = (request: object) => reasonOf(mesh.analytics.getTimeSeries(request, as));
      expect(await refused({ startTime: hour(0), endTime: hour(1001), granularity: Granularity.HOUR })).toBe('FIELD_VIOLATION');
      expect(await refused({ startTime: hour(0), endTime: hour(1000), granularity: Granularity.HOUR })).toBe('it succeeded');
      expect(await refused({ startTime: hour(2), endTime: hour(1) })).toBe('FIELD_VIOLATION');
      expect(await refused({ metrics: [Metric.UNSPECIFIED] })).toBe('FIELD_VIOLATION');
    });
  });

  it('tells how often each base model agreed with the decision, by bundle', async () => {
    const { as, tenant } = newTenant();
    const period = { startTime: hour(0), endTime: hour(1) };
    const cast = (roberta: string) => message({ at: START, votes: [['minilm', 'get_refund'], ['roberta', roberta]] }); // biome-ignore format: one line
    for (const roberta of ['get_refund', 'track_order']) await record(cast(roberta), as);
    await rollUpAll();
    for (const roberta of ['track_order', 'track_order']) await record(cast(roberta), as);
    await record(message({ at: START }), as);
    const { models } = await mesh.analytics.getModelAgreement(period, as);
    expect(models).toMatchObject([
      { labelSpace: 'support', bundleDigest: 'b'.repeat(64), member: 'minilm', votes: 4, agreed: 4, agreementRate: 1 },
      { member: 'roberta', votes: 4, agreed: 1, agreementRate: 0.25 },
    ]);
    await rollUpAll();
    await recountOf(tenant);
    expect((await mesh.analytics.getModelAgreement(period, as)).models).toEqual(models);
    expect((await mesh.analytics.getModelAgreement({ ...period, bundleDigest: 'c'.repeat(64) }, as)).models).toEqual([]);
  });

  it('lists the intents that want for articles, most first, with ids of the latest messages and never a text', async () => {
    const { as } = newTenant();
    const gap = (at: number, intent: string, reason: DecisionReason) => message({ at: START + at, intent, reason, action: Action.DRAFT });
    const missing = Array.from({ length: 6 }, (_, i) => gap(i, 'get_refund', DecisionReason.NO_SOURCE));
    const withheld = gap(10, 'track_order', DecisionReason.UNSUPPORTED_SENTENCE);
    for (const query of [
      ...missing,
      withheld,
      message({ at: START, intent: 'track_order' }),
      message({ at: START, intent: 'cancel_order' }),
    ])
      await record(query, as);
    const answer = await mesh.analytics.listKnowledgeGaps({ startTime: hour(0), endTime: hour(1) }, as);
    expect(answer.gaps).toEqual([
      {
        intent: 'get_refund',
        volume: 6,
        noSource: 6,
        unsupportedSentence: 0,
        outOfScope: 0,
        share: 1,
        queryIds: missing
          .slice(1)
          .map((q) => q.id)
          .reverse(),
      },
      { intent: 'track_order', volume: 2, noSource: 0, unsupportedSentence: 1, outOfScope: 0, share: 0.5, queryIds: [withheld.id] },
    ]);
    expect(JSON.stringify(answer)).not.toContain('Where is my refund');
    expect((await mesh.analytics.listKnowledgeGaps({ startTime: hour(0), endTime: hour(1), limit: 1 }, as)).gaps).toHaveLength(1);
  });

  it('is what a scan of the records and of all feedback comes to, however much of them is counted already', {
    timeout: 600_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: 30 }), anyRequest, async (steps, { startTime, ...filters }) => {
        const { as, tenant } = newTenant();
        const request = { ...filters, startTime: startTime ?? hour(0) };
        const queries: Query[] = [];
        const words: Word[] = [];
        let clock = START;
        for (const step of steps) {
          if (step.kind === 'message') {
            queries.push(message(step.one));
            await record(queries.at(-1)!, as);
          }
          if (step.kind === 'word' && queries.length > 0) {
            const { about, laterMs, ...one } = step.one;
            const of = about % queries.length;
            // Whoever speaks later has the later clock.
            clock = Math.max(clock + 1, Number(queries[of]!.createTime) + laterMs);
            mesh.clock.now = new Date(clock);
            words.push({ of, atMs: clock, ...one });
            await mesh.feedback.submitFeedback({ queryId: queries[of]!.id, ...one }, as);
          }
          if (step.kind === 'rollUp') await rollUpEvents(store, step.limit);
          if (step.kind === 'askForRecount') await askForRecount(tenant);
          if (step.kind === 'recountHour') await recountHour(store);
        }
        // Hours that wait to be counted anew may hold what older steps left, and yet it is right already.
        expectSame(await summary(as, request), scan(queries, words, request));
        await rollUpAll(3);
        expectSame(await summary(as, request), scan(queries, words, request));
        await recountOf(tenant);
        expectSame(await summary(as, request), scan(queries, words, request));
      }),
      { numRuns: kind === 'PGlite' ? 15 : 25 },
    );
  });
});
