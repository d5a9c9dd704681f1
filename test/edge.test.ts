import { createChannel, createClient } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { QueryServiceDefinition } from '../gen/replymesh/v1/query_service.js';
import { startTestMesh, type TestMesh } from './mesh.js';

let t: TestMesh;
beforeAll(async () => {
  t = await startTestMesh({ edge: { maxBodyBytes: 65_536 } });
  expect(t.mesh.withoutHttp, 'the edge is tested with the real Envoy').toBeUndefined();
});
afterAll(() => t?.stop());

interface RpcStatus {
  code: number;
  message: string;
  details: { '@type': string; reason?: string; domain?: string; fieldViolations?: { field: string }[] }[];
}
const process = '/v1/queries:process';
const question = { text: 'Where is my refund?', customerId: 'cus_ada' };
const reasonOf = (status: RpcStatus) => status.details.find((d) => d['@type'].endsWith('google.rpc.ErrorInfo'))?.reason;

describe('REST through Envoy', () => {
  it('answers in JSON and finds the record again', async () => {
    const { status, json } = await t.rest('POST', process, question);
    const { decision } = json as { decision: { id: string; action: string; intents: { label: string }[] } };
    expect([status, decision.intents[0]?.label]).toEqual([200, 'track_refund']);
    const found = await t.rest('GET', `/v1/queries/${decision.id}`);
    expect((found.json as { query: { id: string } }).query.id).toBe(decision.id);
  });

  it('streams server-sent events that end with the decision', async () => {
    const response = await fetch(`${t.mesh.httpUrl}/v1/queries:stream`, {
      method: 'POST',
      headers: { authorization: `Bearer ${t.token}`, 'content-type': 'application/json', 'accept-encoding': 'gzip' },
      body: JSON.stringify({ query: question }),
    });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const events = (await response.text())
      .split('\n\n')
      .filter(Boolean)
      .map((e) => JSON.parse(e.replace(/^data: /, '')) as object);
    expect(events.map((e) => Object.keys(e)[0]).filter((k) => k !== 'sentence')).toEqual(['accepted', 'understood', 'decision']);
    expect(events.length).toBeGreaterThan(3);
  });

  it('gives one answer to one Idempotency-Key', async () => {
    const ask = () => t.rest('POST', process, question, { 'idempotency-key': 'k-1' });
    const ids = (await Promise.all([ask(), ask(), ask()])).map(({ json }) => (json as { decision: { id: string } }).decision.id);
    expect(new Set(ids).size).toBe(1);
  });

  it('manages articles and searches them', async () => {
    const article = { id: 'gift-wrap', title: 'Gift wrap', body: 'We wrap a present for 3.00 USD.' };
    expect((await t.rest('POST', '/v1/articles', article)).status).toBe(200);
    expect((await t.rest('POST', '/v1/articles', article)).status).toBe(409);
    // Found by words at once, and by meaning as soon as the passage has its embedding.
    const first = async () => {
      const { json } = await t.rest('POST', '/v1/articles:search', { text: 'wrap a present' });
      return (json as { passages: { articleId: string }[] }).passages[0]?.articleId;
    };
    await expect.poll(first, { timeout: 20_000 }).toBe('gift-wrap');
    expect((await t.rest('DELETE', '/v1/articles/gift-wrap')).status).toBe(200);
    expect((await t.rest('GET', '/v1/articles/gift-wrap')).status).toBe(404);
  });

  it('takes feedback', async () => {
    const { json } = await t.rest('POST', process, question);
    const { id } = (json as { decision: { id: string } }).decision;
    const { status } = await t.rest('POST', `/v1/queries/${id}/feedback`, { satisfaction: 5, resolved: true });
    expect(status).toBe(200);
  });

  it('lets native gRPC through on the same port', async () => {
    const channel = createChannel(t.mesh.httpUrl!.replace('http://', ''));
    const { decision } = await createClient(QueryServiceDefinition, channel).processQuery(question, await t.as('demo'));
    channel.close();
    expect(decision?.intents[0]?.label).toBe('track_refund');
  });
});

describe('every error is a google.rpc.Status in JSON', () => {
  it.each<[string, string, string, unknown, number, number, string]>([
    ['an invalid field', 'POST', process, { text: '' }, 400, 3, 'FIELD_VIOLATION'],
    ['a body that is larger than this mesh allows', 'POST', process, { text: 'a'.repeat(70_000) }, 413, 8, 'MESSAGE_TOO_LARGE'],
    ['a record that is not there', 'GET', '/v1/queries/qry_00000000-0000-7000-8000-000000000000', undefined, 404, 5, 'QUERY_NOT_FOUND'],
    ['a label space that is not there', 'POST', process, { text: 'hello', labelSpace: 'nowhere' }, 404, 5, 'LABEL_SPACE_UNKNOWN'],
  ])('%s', async (_, method, path, body, http, code, reason) => {
    const sent = await t.rest(method, path, body);
    const status = sent.json as RpcStatus;
    expect([sent.status, status.code, reasonOf(status)]).toEqual([http, code, reason]);
    expect(status.message).not.toBe('');
    expect(sent.headers.get('content-type')).toContain('application/json');
  });

  it('names each field that is wrong', async () => {
    const { json } = await t.rest('POST', process, { text: ' ', customerId: 'a b' });
    const fields = (json as RpcStatus).details.flatMap((d) => d.fieldViolations?.map((v) => v.field) ?? []);
    expect(fields.sort()).toEqual(['customer_id', 'text']);
  });

  it('a token without the scope', async () => {
    const narrow = await t.mesh.keys.sign({ subject: 'x', tenant: 'demo', scopes: ['queries.read'], ttlSeconds: 60 });
    const { status, json } = await t.rest('POST', process, question, { authorization: `Bearer ${narrow}` });
    expect([status, reasonOf(json as RpcStatus)]).toEqual([403, 'SCOPE_MISSING']);
  });
});
