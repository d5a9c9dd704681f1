import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { methods } from '../lib/contract.js';
import { type Fault, retryAfter } from '../lib/errors.js';
import { freePort } from '../lib/freePort.js';
import { fault, type specs } from '../services/errors.js';
import {
  type Call,
  type CallerKind,
  callers,
  kinds,
  NONE,
  type Problem,
  problemFor,
  type Refusal,
  refusalOf,
  toldOverGrpc,
  webRefusalOf,
} from './callers.fixture.js';
import { type Answers, AUDIENCE, startEdge, type TestEdge, until } from './edge.fixture.js';

const answers: Answers = { query: { processQuery: async () => ({}), listQueries: async () => ({}) } };
const noEnvoy = process.env['REPLYMESH_NO_ENVOY'] === '1';
const bearer = (token: string): Call => ({ headers: { authorization: `Bearer ${token}` } });

/** What a caller of this kind must get: REST its HTTP status, gRPC and gRPC-Web never another one than 200. */
const expected = (kind: CallerKind, http: number, rest: Fault | Problem, overGrpc: Fault) => ({
  http: { REST: http, gRPC: undefined, 'gRPC-Web': 200 }[kind],
  problem: kind === 'REST' ? ('errorInfos' in rest ? rest : problemFor(rest)) : problemFor(overGrpc),
});
const told = ({ http, problem }: Refusal) => ({ http, problem });
/** An error of the catalogue in Envoy's own words. */
const worded = (reason: keyof typeof specs, code: Status, message: string, metadata: Record<string, string> = {}): Problem => ({
  ...NONE,
  code,
  message,
  errorInfos: [{ reason, domain: 'replymesh', metadata }],
});

describe.skipIf(noEnvoy)('the edge, before it troubles the service,', () => {
  let edge: TestEdge;
  beforeAll(async () => {
    edge = await startEdge(answers, { maxBodyBytes: 4096 });
  });
  afterAll(() => edge?.close());
  const untroubled = async (refusal: () => Promise<Refusal>) => {
    const before = edge.seen.length;
    const got = await refusal();
    expect(edge.seen.length, 'the service saw the call').toBe(before);
    return got;
  };

  const anHourAgo = new Date(Date.now() - 3_600_000);
  const foreignKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const badToken = (problem: string) => [401, fault('TOKEN_INVALID', { problem }), toldOverGrpc.tokenInvalid] as const;
  const refusals: [string, () => Promise<Call>, number, Fault, Fault][] = [
    [
      'a call without a token',
      async () => ({ headers: { authorization: '' } }),
      401,
      fault('TOKEN_MISSING', {}),
      toldOverGrpc.tokenMissing,
    ],
    ['a password', async () => ({ headers: { authorization: 'Basic YTpi' } }), ...badToken('Jwt is missing')],
    ['what is no token', async () => bearer('a.b.c'), ...badToken('Jwt header is an invalid Base64url encoded')],
    ['an expired token', async () => bearer(await edge.token({ expiresAt: anHourAgo })), ...badToken('Jwt is expired')],
    [
      "another issuer's token",
      async () => bearer(await edge.token({ issuer: 'https://other.test' })),
      ...badToken('Jwt issuer is not configured'),
    ],
    [
      'a token with the signature cut off',
      async () => bearer(await edge.token({ alg: 'none' })),
      ...badToken('Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections'),
    ],
    [
      'a token that says it needs no signature',
      async () => bearer(`${await edge.token({ alg: 'none' })}AAAA`),
      ...badToken('Jwt header [alg] is not supported'),
    ],
    [
      'a token signed by a stranger',
      async () => bearer(await edge.token({ key: foreignKey as never })),
      ...badToken('Jwt verification fails'),
    ],
    [
      "another audience's token",
      async () => bearer(await edge.token({ audience: 'elsewhere' })),
      403,
      fault('TOKEN_FOREIGN', { audience: AUDIENCE }),
      toldOverGrpc.tokenForeign,
    ],
    ['a method that is not there', async () => ({ nowhere: true }), 404, fault('ROUTE_NOT_FOUND', {}), toldOverGrpc.noRoute],
  ];
  describe.each(refusals)('refuses %s', (_, call, http, rest, overGrpc) => {
    it.each(kinds)('to %s callers, with the reason', async (kind) => {
      const refusal = await untroubled(async () => callers[kind](edge, await call()));
      expect(told(refusal)).toEqual(expected(kind, http, rest, overGrpc));
    });
  });

  const post = '/v1/queries:process';
  const tooManyHeaders = Object.fromEntries(Array.from({ length: 80 }, (_, n) => [`x-header-${n}`, 'x']));
  const largeHeaders = worded(
    'MESSAGE_TOO_LARGE',
    Status.RESOURCE_EXHAUSTED,
    'The headers are larger than 32 KiB together, or more than 64. Send fewer.',
    { max_bytes: '32768', max_headers: '64' },
  );
  const malformed = (why: string) => worded('BODY_MALFORMED', Status.INVALID_ARGUMENT, `The request is not what this method takes. ${why}`);
  const notJson = worded(
    'BODY_MALFORMED',
    Status.INVALID_ARGUMENT,
    'The body must be JSON. Send the header "content-type: application/json".',
  );
  it.each<[string, string, string, unknown, Record<string, string>, number, Problem]>([
    ['a form', 'POST', post, 'text=hello', { 'content-type': 'application/x-www-form-urlencoded' }, 415, notJson],
    ['broken JSON', 'POST', post, '{"text":', {}, 400, malformed('Unexpected end of string. Expected a value.\n\n^')],
    [
      'an unknown query parameter',
      'GET',
      '/v1/queries?nonsense=1',
      undefined,
      {},
      400,
      malformed('Could not find field "nonsense" in the type "replymesh.v1.ListQueriesRequest".'),
    ],
    ['a body that is too large', 'POST', post, 'a'.repeat(4097), {}, 413, problemFor(fault('MESSAGE_TOO_LARGE', { max_bytes: 4096 }))],
    ['headers that are too large', 'GET', '/v1/queries', undefined, { 'x-large': 'a'.repeat(40_000) }, 431, largeHeaders],
    ['too many headers', 'GET', '/v1/queries', undefined, tooManyHeaders, 431, largeHeaders],
    ['an escaped slash in the path', 'GET', '/v1/queries%2Fx', undefined, {}, 400, malformed('')],
    ['a header with an underscore', 'GET', '/v1/queries', undefined, { x_replymesh_tenant: 'x' }, 400, malformed('Bad Request')],
    ['an unknown resource', 'GET', '/v1/nothing', undefined, {}, 404, problemFor(fault('ROUTE_NOT_FOUND', {}))],
  ])('refuses %s to REST callers, with the reason', async (_, method, path, body, headers, http, problem) => {
    const refusal = await untroubled(async () => refusalOf(await edge.rest(method, path, body, headers)));
    expect(told(refusal)).toEqual({ http, problem });
  });

  it('counts a token in a URL for nothing, since URLs end up in logs', async () => {
    const refusal = await untroubled(async () => refusalOf(await fetch(`${edge.url}/v1/queries?access_token=${await edge.token()}`)));
    expect(told(refusal)).toEqual({ http: 401, problem: problemFor(fault('TOKEN_MISSING', {})) });
    expect(refusal.headers.get('www-authenticate')).toBe('Bearer realm="replymesh"');
  });

  const verbsOf = new Map<string, string[]>();
  for (const { http } of methods.values()) {
    const path = http?.route.replace(/\{[^}]+\}/g, 'some-id') ?? '';
    if (http) verbsOf.set(path, [...(verbsOf.get(path) ?? []), http.verb]);
  }
  const wrongVerb = worded(
    'ROUTE_NOT_FOUND',
    Status.UNIMPLEMENTED,
    'This route does not take that HTTP method; the header "allow" says which it takes.',
  );
  it.each([...verbsOf])('says which verbs %s takes', async (path, verbs) => {
    const refusal = await untroubled(async () => refusalOf(await edge.rest('PUT', path, {})));
    expect(told(refusal)).toEqual({ http: 405, problem: wrongVerb });
    expect(String(refusal.headers.get('allow')).split(', ').sort()).toEqual(verbs.sort());
  });

  it.each(['application/grpc', 'application/grpc-web+proto'])('refuses %s to a REST route as gRPC', async (type) => {
    const refusal = await untroubled(async () => webRefusalOf(await edge.rest('POST', post, '', { 'content-type': type })));
    expect(told(refusal)).toEqual({ http: 200, problem: problemFor(toldOverGrpc.refused) });
  });

  it('refuses a WebSocket as a route that is not there', async () => {
    const headers = { authorization: `Bearer ${await edge.token()}`, connection: 'Upgrade', upgrade: 'websocket' };
    const asked = request(`${edge.url}/v1/queries`, { headers }).end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    const answer = new Response(await text(response), { status: response.statusCode! });
    expect(told(await refusalOf(answer))).toEqual({ http: 404, problem: problemFor(fault('ROUTE_NOT_FOUND', {})) });
  });
});

describe.skipIf(noEnvoy)('when it is too much', () => {
  let edge: TestEdge;
  beforeAll(async () => {
    edge = await startEdge(answers, { ratePerSecond: 1 });
  });
  afterAll(() => edge?.close());

  it.each(kinds)('%s callers hear when to come back', async (kind) => {
    let refusal = await callers[kind](edge);
    await until(async () => (refusal = await callers[kind](edge)).problem.code !== Status.OK);
    const message = 'More requests came than this edge takes (1 a second). Retry after a second.';
    const rest = problemFor(fault('RATE_LIMITED', { limit: 1 }, [retryAfter(1000)]));
    expect(told(refusal)).toEqual(expected(kind, 429, { ...rest, message }, toldOverGrpc.tooFast));
    expect(refusal.headers.get('retry-after')).toBe('1');
  });
});

describe.skipIf(noEnvoy)('when the service', () => {
  let edge: TestEdge;
  beforeAll(async () => {
    edge = await startEdge(answers, { requestTimeoutS: 1 });
  });
  afterAll(() => edge?.close());
  const health = async () => (await fetch(`${edge.url}/healthz`)).status;
  const allAnswered = async () => {
    for (const kind of kinds) if ((await callers[kind](edge)).problem.code !== Status.OK) return false;
    return true;
  };

  it('hangs, callers hear that time is up', async () => {
    expect(await allAnswered()).toBe(true);
    edge.wire.hold();
    // All at once: soon the health check will know, and there is another answer.
    const refusals = await Promise.all(
      kinds.map((kind) => callers[kind](edge, kind === 'REST' ? {} : { headers: { 'grpc-timeout': '300m' } })),
    );
    expect(refusals.map(told)).toEqual(kinds.map((kind) => expected(kind, 504, toldOverGrpc.late, toldOverGrpc.late)));
    await edge.wire.cut();
    await edge.wire.mend();
    await until(allAnswered);
  });

  it('is gone, callers hear it until it is back', async () => {
    const gone = kinds.map((kind) => expected(kind, 503, toldOverGrpc.down, toldOverGrpc.down));
    await edge.wire.cut();
    expect((await Promise.all(kinds.map((kind) => callers[kind](edge)))).map(told)).toEqual(gone);
    await until(async () => (await health()) === 503);
    expect((await Promise.all(kinds.map((kind) => callers[kind](edge)))).map(told)).toEqual(gone);
    await edge.wire.mend();
    await until(allAnswered);
    expect(await health()).toBe(200);
  });
});

describe.skipIf(noEnvoy)('when the identity provider is down', () => {
  it('callers hear that it is, and are let in once its keys can be had', async () => {
    const port = await freePort();
    const edge = await startEdge(answers, { jwks: { url: `http://127.0.0.1:${port}/jwks` } });
    const keys = await readFile(join(edge.folder, 'jwks.json'), 'utf8');
    const provider = createServer((_, response) => response.end(keys));
    try {
      const refusals = await Promise.all(kinds.map((kind) => callers[kind](edge)));
      expect(refusals.map(told)).toEqual(kinds.map((kind) => expected(kind, 503, toldOverGrpc.noKeys, toldOverGrpc.noKeys)));
      provider.listen(port, '127.0.0.1');
      await until(async () => (await callers.REST(edge)).problem.code === Status.OK);
    } finally {
      provider.close();
      provider.closeAllConnections();
      await edge.close();
    }
  });
});
