import { createHash } from 'node:crypto';
import { type SQL, sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Action } from '../../gen/replymesh/type/v1/decision.js';
import { Article } from '../../gen/replymesh/type/v1/knowledge.js';
import { AuditProblem } from '../../gen/replymesh/v1/audit_service.js';
import { aQuery, newTenant, openTestStore, reasonOf, startContext, storeKinds } from './context.fixture.js';
import { rowsOf, type Store } from './store.js';

type Tenant = ReturnType<typeof newTenant>;

describe.each(storeKinds)('the audit log on %s', (kind) => {
  let store: Store;
  let mesh: Awaited<ReturnType<typeof startContext>>;
  beforeAll(async () => {
    store = await openTestStore(kind);
    mesh = await startContext(store);
  });
  afterAll(async () => {
    await mesh.close();
    await store.close();
  });
  const listed = async ({ as }: Tenant, filter: object = {}) =>
    (await mesh.audit.listAuditRecords({ pageSize: 200, ...filter }, as)).records.reverse();
  const verify = ({ as }: Tenant) => mesh.audit.verifyAuditLog({}, as);
  const article = (id: string, body: string) => Article.fromPartial({ id, title: id, body });

  it('tells who did what to which query, article and customer, and holds no word of them', async () => {
    const t = newTenant();
    const as = { within: { ...t.as.within, principal: { ...t.as.within.principal, subject: 'agent 7' } } };
    const query = aQuery({ customerId: 'c-1', action: Action.AUTO, text: 'my zanzibarian umbrella' });
    await mesh.context.recordDecision({ query }, as);
    await mesh.feedback.submitFeedback({ queryId: query.id, satisfaction: 2, resolved: false, correctedIntent: 'lost_umbrella' }, as);
    await mesh.knowledge.createArticle({ article: article('a-1', 'One.') }, as);
    await mesh.knowledge.updateArticle({ article: article('a-1', 'Two.') }, as);
    await mesh.knowledge.importArticles({ articles: [article('a-1', 'Three.'), article('a-2', 'Four.'), article('a-2', 'twice')] }, as);
    await mesh.knowledge.deleteArticle({ id: 'a-1' }, as);
    const records = await listed(t);
    expect(records.map((r) => [r.position, r.action, r.subject, r.actor])).toEqual([
      [1, 'decision.recorded', query.id, 'agent 7'],
      [2, 'feedback.given', query.id, 'agent 7'],
      [3, 'article.created', 'a-1', 'agent 7'],
      [4, 'article.changed', 'a-1', 'agent 7'],
      [5, 'article.imported', 'a-1', 'agent 7'],
      [6, 'article.imported', 'a-2', 'agent 7'],
      [7, 'article.deleted', 'a-1', 'agent 7'],
    ]);
    expect(records[0]?.detail).toMatchObject({ action: 'AUTO', reason: 'UNSPECIFIED', bundle_digest: 'b'.repeat(64) });
    expect(records[1]?.detail).toMatchObject({ satisfaction: '2', resolved: 'false' });
    expect(records[1]?.payloadSha256).toMatch(/^[0-9a-f]{64}$/);
    expect(JSON.stringify(records)).not.toMatch(/umbrella/);
    expect(await verify(t)).toEqual({ recordCount: 7, hash: records[6]?.hash, fault: undefined, nextPageToken: '' });
  });

  it('vouches for the record of a decision as it is stored', async () => {
    const t = newTenant();
    const query = aQuery({ customerId: 'c-1' });
    await mesh.context.recordDecision({ query }, t.as);
    const [row] = await store.within(t.as.within, (tx) =>
      rowsOf<{ record: Uint8Array }>(tx, sql`select record from queries where id = ${query.id}`),
    );
    expect((await listed(t))[0]?.detail['record_sha256']).toBe(createHash('sha256').update(row!.record).digest('hex'));
  });

  it('notes what happened once, however often it is sent, and nothing of what failed', async () => {
    const t = newTenant();
    const query = aQuery({ customerId: 'c-1', requestId: 'r-1' });
    await Promise.all([1, 2, 3].map(() => mesh.context.recordDecision({ query }, t.as)));
    const given = (satisfaction: number) => mesh.feedback.submitFeedback({ queryId: query.id, satisfaction, requestId: 'f-1' }, t.as);
    for (let i = 0; i < 2; i += 1) await given(5);
    expect(await reasonOf(given(1))).toBe('REQUEST_ID_REUSED');
    await mesh.knowledge.createArticle({ article: article('a-1', 'One.') }, t.as);
    expect(await reasonOf(mesh.knowledge.createArticle({ article: article('a-1', 'Two.') }, t.as))).toBe('ARTICLE_EXISTS');
    await mesh.knowledge.importArticles({ articles: [article('a-1', 'One.')], validateOnly: true }, t.as);
    expect((await listed(t)).map((r) => r.action)).toEqual(['decision.recorded', 'feedback.given', 'article.created']);
  });

  it('neither forks nor has gaps when several instances write at once', async () => {
    const t = newTenant();
    const other = await startContext(store);
    const instances = [mesh, other];
    const queries = Array.from({ length: 40 }, (_, i) => aQuery({ customerId: `c-${i % 3}` }));
    await Promise.all([
      ...queries.map((query, i) => instances[i % 2]!.context.recordDecision({ query }, t.as)),
      ...[1, 2, 3, 4].map((i) => instances[i % 2]!.knowledge.createArticle({ article: article(`a-${i}`, 'Words.') }, t.as)),
    ]);
    await Promise.all(
      queries.slice(0, 10).map((query, i) => instances[i % 2]!.feedback.submitFeedback({ queryId: query.id, resolved: true }, t.as)),
    );
    await other.close();
    expect(await verify(t)).toMatchObject({ recordCount: 54, fault: undefined });
    expect((await listed(t)).map((r) => r.position)).toEqual(Array.from({ length: 54 }, (_, i) => i + 1));
  });

  it('is listed by page, newest first, and by what it is about, who did it, what was done and when', async () => {
    const t = newTenant();
    for (const id of ['a-1', 'a-2', 'a-3']) {
      await mesh.knowledge.createArticle({ article: article(id, 'Words.') }, t.as);
      mesh.clock.now = new Date(mesh.clock.now.getTime() + 1000);
    }
    await mesh.knowledge.deleteArticle({ id: 'a-2' }, t.as);
    const first = await mesh.audit.listAuditRecords({ pageSize: 3 }, t.as);
    const second = await mesh.audit.listAuditRecords({ pageSize: 3, pageToken: first.nextPageToken }, t.as);
    expect([first, second].map((page) => page.records.map((r) => r.position))).toEqual([[4, 3, 2], [1]]);
    expect(second.nextPageToken).toBe('');
    expect(await reasonOf(mesh.audit.listAuditRecords({ pageToken: first.nextPageToken, action: 'article.deleted' }, t.as))).toBe(
      'PAGE_TOKEN_INVALID',
    );
    const positions = async (filter: object) => (await listed(t, filter)).map((r) => r.position);
    expect(await positions({ subject: 'a-2' })).toEqual([2, 4]);
    expect(await positions({ action: 'article.deleted' })).toEqual([4]);
    expect(await positions({ actor: 'nobody' })).toEqual([]);
    const { time } = (await listed(t))[1]!;
    expect(await positions({ startTime: time })).toEqual([2, 3, 4]);
    expect(await positions({ endTime: time })).toEqual([1]);
  });

  it('holds for a tenant that has none yet, and is nobody else’s to read', async () => {
    const [t, other] = [newTenant(), newTenant()];
    expect(await verify(t)).toEqual({ recordCount: 0, hash: '', fault: undefined, nextPageToken: '' });
    await mesh.context.recordDecision({ query: aQuery() }, t.as);
    expect(await listed(other)).toEqual([]);
    expect((await verify(other)).recordCount).toBe(0);
  });

  describe('that somebody with the database touched', () => {
    /** Ten records, then what is done to them past the mesh, which may not: as the owner, whom row-level security lets through for once. */
    const verdictAfter = async (...statements: ((tenant: string) => SQL)[]) => {
      const t = newTenant();
      await Promise.all(Array.from({ length: 10 }, () => mesh.context.recordDecision({ query: aQuery() }, t.as)));
      await store.owner(async (tx) => {
        for (const table of ['audit_log', 'audit_heads'])
          await tx.execute(sql`alter table ${sql.identifier(table)} no force row level security`);
        for (const statement of statements) await tx.execute(statement(t.tenant));
        for (const table of ['audit_log', 'audit_heads'])
          await tx.execute(sql`alter table ${sql.identifier(table)} force row level security`);
      });
      const { fault, recordCount } = await verify(t);
      return { position: fault?.position, problem: AuditProblem[fault?.problem ?? 0], recordCount, record: fault?.record };
    };

    it('names the record that was changed', async () => {
      expect(await verdictAfter((t) => sql`update audit_log set actor = 'nobody' where tenant = ${t} and position = 4`)).toMatchObject({
        position: 4,
        problem: 'CHANGED',
        recordCount: 3,
        record: { actor: 'nobody', action: 'decision.recorded' },
      });
    });

    it('names the record whose detail was changed, or whose time', async () => {
      expect(
        await verdictAfter(
          (t) => sql`update audit_log set detail = jsonb_set(detail, '{action}', '"DRAFT2"') where tenant = ${t} and position = 10`,
        ),
      ).toMatchObject({ position: 10, problem: 'CHANGED' });
      expect(
        await verdictAfter((t) => sql`update audit_log set at = at + interval '1 ms' where tenant = ${t} and position = 1`),
      ).toMatchObject({
        position: 1,
        problem: 'CHANGED',
        recordCount: 0,
      });
    });

    it('names the record that was deleted', async () => {
      expect(await verdictAfter((t) => sql`delete from audit_log where tenant = ${t} and position = 6`)).toEqual({
        position: 6,
        problem: 'MISSING',
        recordCount: 5,
        record: undefined,
      });
    });

    it('names the first of two that changed places', async () => {
      const move = (from: number, to: number) => (t: string) =>
        sql`update audit_log set position = ${to} where tenant = ${t} and position = ${from}`;
      expect(await verdictAfter(move(3, -1), move(5, 3), move(-1, 5))).toMatchObject({ position: 3, problem: 'CHANGED' });
    });

    it('names the first record that is missing at the end', async () => {
      expect(await verdictAfter((t) => sql`delete from audit_log where tenant = ${t} and position > 7`)).toMatchObject({
        position: 8,
        problem: 'MISSING',
        recordCount: 7,
      });
      expect(await verdictAfter((t) => sql`delete from audit_log where tenant = ${t}`)).toMatchObject({ position: 1, problem: 'MISSING' });
    });

    it('says that the end is forged when it was made to match, or is gone', async () => {
      expect(
        await verdictAfter(
          (t) => sql`delete from audit_log where tenant = ${t} and position > 7`,
          (t) =>
            sql`update audit_heads set position = 7, hash = (select hash from audit_log where tenant = ${t} and position = 7) where tenant = ${t}`,
        ),
      ).toMatchObject({ position: 7, problem: 'END_FORGED' });
    });

    it('names what was added past the mesh', async () => {
      expect(
        await verdictAfter(
          (t) =>
            sql`insert into audit_log select tenant, 11, at, actor, action, subject, detail, payload, hash, previous_hash from audit_log where tenant = ${t} and position = 10`,
        ),
      ).toMatchObject({ position: 11, problem: 'CHANGED' });
      expect(await verdictAfter((t) => sql`delete from audit_heads where tenant = ${t}`)).toMatchObject({
        position: 10,
        problem: 'END_FORGED',
      });
    });
  });

  it('is verified in as many calls as it takes', async () => {
    const t = newTenant();
    await Promise.all(Array.from({ length: 7 }, () => mesh.context.recordDecision({ query: aQuery() }, t.as)));
    const counts: number[] = [];
    for (let pageToken = ''; counts.length === 0 || pageToken !== ''; ) {
      const page = await mesh.audit.verifyAuditLog({ pageSize: 3, pageToken }, t.as);
      expect(page.fault).toBeUndefined();
      counts.push(page.recordCount);
      pageToken = page.nextPageToken;
    }
    expect(counts).toEqual([3, 6, 7]);
    expect(await reasonOf(mesh.audit.verifyAuditLog({ pageToken: 'made up' }, t.as))).toBe('PAGE_TOKEN_INVALID');
  });
});
