import { createChannel, createClientFactory, Metadata, Status } from 'nice-grpc';
import { errorDetailsClientMiddleware, type RichClientError } from 'nice-grpc-error-details';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { QueryServiceDefinition } from '../gen/replymesh/v1/query_service.js';
import { retryAfter } from '../lib/errors.js';
import { fault } from '../services/errors.js';
import { callers, kinds, problemFor, refusalOf } from './callers.fixture.js';
import { type Answers, startEdge, type TestEdge, until } from './edge.fixture.js';

const noEnvoy = process.env['REPLYMESH_NO_ENVOY'] === '1';
const inProgress = fault('REQUEST_IN_PROGRESS', { request_id: 'r-1' }, [retryAfter(2000)]);
const accepted = { $case: 'accepted', value: { id: 'qry_1' } } as const;

/** Streams wait here after their first event. */
let gate: Promise<void>;
let openGate = (): void => {};
const closeGate = (): void => {
  gate = new Promise((resolve) => {
    openGate = resolve;
  });
};

const answers: Answers = {
  query: {
    processQuery: async ({ text }) => {
      if (text === 'fault') throw inProgress;
      return { decision: { summary: text } };
    },
    listQueries: async () => ({}),
    async *streamQuery({ query }) {
      yield { event: accepted };
      await gate;
      if (query?.text === 'fault') throw inProgress;
      yield { event: { $case: 'sentence', value: { index: 0, text: 'Hello.' } } };
    },
  },
};

let edge: TestEdge;
beforeAll(async () => {
  if (!noEnvoy) edge = await startEdge(answers, { accessLog: true, corsOrigins: ['http://localhost:*', 'https://*.example.com'] });
});
afterAll(() => edge?.close());
const post = '/v1/queries:process';
const ask = (headers: Record<string, string>, text = 'hello') => edge.rest('POST', post, { text }, headers);

describe.skipIf(noEnvoy)("the service's errors", () => {
  it.each(kinds)('come to %s callers with their details', async (kind) => {
    const { http, problem } = await callers[kind](edge, { text: 'fault' });
    expect(problem).toEqual(problemFor(inProgress));
    expect(http).toBe({ REST: 409, gRPC: undefined, 'gRPC-Web': 200 }[kind]);
  });

  it.each(kinds)('name to %s callers the fields that are wrong', async (kind) => {
    const { problem } = await callers[kind](edge, { text: '' });
    expect(problem).toMatchObject({ code: Status.INVALID_ARGUMENT, badFields: ['text'] });
  });
});

describe.skipIf(noEnvoy)('a stream of server-sent events', () => {
  const stream = async (text: string) => {
    closeGate();
    const response = await edge.rest('POST', '/v1/queries:stream', { query: { text } }, { 'accept-encoding': 'gzip' });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    /** The next event; nothing at the end. */
    const next = async (): Promise<string> => {
      let event = '';
      while (!event.endsWith('\n\n')) {
        const { value, done } = await reader.read();
        if (done) break;
        event += value;
      }
      return event;
    };
    return { response, next };
  };
  const first = 'data: {"accepted":{"id":"qry_1"}}\n\n';

  it('brings each event as soon as it happens, and not compressed', async () => {
    const { response, next } = await stream('hello');
    expect([response.headers.get('content-type'), response.headers.get('content-encoding')]).toEqual(['text/event-stream', null]);
    expect(await next()).toBe(first);
    openGate();
    expect([await next(), await next()]).toEqual(['data: {"sentence":{"text":"Hello."}}\n\n', '']);
  });

  it('ends without a word when the service fails after the first event: only an event of its own can tell success', async () => {
    const { response, next } = await stream('fault');
    expect([response.status, await next()]).toEqual([200, first]);
    openGate();
    expect(await next()).toBe('');
  });

  it('breaks off when the service dies', async () => {
    const { next } = await stream('hello');
    expect(await next()).toBe(first);
    await edge.wire.cut();
    await expect(next()).rejects.toThrow('terminated');
    openGate();
    await edge.wire.mend();
    await until(async () => (await ask({})).ok);
  });

  it('is an error like any other when the service refuses at once', async () => {
    const refusal = await refusalOf(await edge.rest('POST', '/v1/queries:stream', { query: { text: '' } }));
    expect(refusal).toMatchObject({ http: 400, problem: { badFields: ['query.text'] } });
  });

  it('tells gRPC callers at its end what went wrong', async () => {
    closeGate();
    openGate();
    const channel = createChannel(`127.0.0.1:${edge.port}`);
    const client = createClientFactory().use(errorDetailsClientMiddleware).create(QueryServiceDefinition, channel);
    const metadata = Metadata({ authorization: `Bearer ${await edge.token()}` });
    const events: unknown[] = [];
    const readAll = async () => {
      for await (const { event } of client.streamQuery({ query: { text: 'fault' } }, { metadata })) events.push(event);
    };
    const error = (await readAll().catch((thrown: unknown) => thrown)) as RichClientError;
    channel.close();
    expect([events, error.code, error.extra]).toMatchObject([[accepted], inProgress.code, inProgress.extra]);
  });
});

describe.skipIf(noEnvoy)('a browser', () => {
  const asksFirst = (origin: string) =>
    fetch(`${edge.url}${post}`, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST' } });
  const allowed = ({ headers }: Response) => headers.get('access-control-allow-origin');

  it.each(['http://localhost:3000', 'https://shop.example.com'])('at %s may call', async (origin) => {
    const preflight = await asksFirst(origin);
    expect([preflight.status, allowed(preflight)]).toEqual([200, origin]);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('authorization, content-type, idempotency-key');
    const answer = await ask({ origin });
    expect([answer.status, allowed(answer)]).toEqual([200, origin]);
    expect(answer.headers.get('access-control-expose-headers')).toContain('grpc-status-details-bin, retry-after, x-request-id');
  });

  it.each(['https://evil.test', 'https://shop.example.com.evil.test', 'http://shop.example.com', 'https://shopXexample.com', 'null'])(
    'at %s may not, and its question does not reach the service',
    async (origin) => {
      const before = edge.seen.length;
      expect(allowed(await asksFirst(origin))).toBeNull();
      expect(edge.seen.length).toBe(before);
      expect(allowed(await ask({ origin }))).toBeNull();
    },
  );

  it('may read why it was refused', async () => {
    const origin = 'http://localhost:3000';
    const refusals = [await ask({ origin, authorization: 'Bearer a.b.c' }), await ask({ origin }, ''), await ask({ origin }, 'fault')];
    expect(refusals.map(({ status }) => status)).toEqual([401, 400, 409]);
    expect(refusals.map(allowed)).toEqual([origin, origin, origin]);
  });
});

describe.skipIf(noEnvoy)('headers of a caller', () => {
  const internal = ['X-Replymesh-Tenant', 'x-replymesh-subject', 'x-envoy-original-path', 'x-envoy-retry-on', 'x-envoy-external-address'];

  it.each(kinds)('reach the service over %s, but for those that only the mesh may set', async (kind) => {
    const forged = Object.fromEntries(internal.map((name) => [name, 'forged']));
    const authorization = `Bearer ${await edge.token()}`;
    const { problem } = await callers[kind](edge, { headers: { ...forged, authorization, 'idempotency-key': 'k-1' } });
    expect(problem.code).toBe(Status.OK);
    const seen = edge.seen.at(-1)!;
    expect([seen.get('authorization'), seen.get('idempotency-key')]).toEqual([authorization, 'k-1']);
    expect(JSON.stringify([...seen])).not.toContain('forged');
  });

  it.each(kinds)('cannot shorten the time that a %s call has', async (kind) => {
    const { problem } = await callers[kind](edge, { headers: { 'x-envoy-upstream-rq-timeout-ms': '1' } });
    expect(problem.code).toBe(Status.OK);
  });
});

describe.skipIf(noEnvoy)('an answer', () => {
  it('in JSON is compressed for those who ask', async () => {
    const long = 'hello '.repeat(100);
    const [zipped, plain] = [await ask({ 'accept-encoding': 'gzip' }, long), await ask({ 'accept-encoding': 'identity' }, long)];
    expect([zipped, plain].map(({ headers }) => headers.get('content-encoding'))).toEqual(['gzip', null]);
    expect(await zipped.json()).toEqual(await plain.json());
  });

  it('over REST shows nothing of gRPC or Envoy, is not kept by caches, and has a request id', async () => {
    const names = [...(await ask({})).headers.keys()].sort();
    expect(names).toEqual(['cache-control', 'content-length', 'content-type', 'date', 'x-content-type-options', 'x-request-id']);
  });

  it('on the health of the edge needs no token', async () => {
    const response = await fetch(`${edge.url}/healthz`);
    expect([response.status, await response.json()]).toEqual([200, { status: 'SERVING' }]);
  });
});

describe.skipIf(noEnvoy)('the access log', () => {
  it('has one line for each request, without its query, token or body', async () => {
    const answered = [
      await ask({}, 'words of a customer'),
      await edge.rest('GET', '/v1/queries?customerId=customer-7'),
      await fetch(`${edge.url}/v2/nothing?token=${await edge.token()}`),
    ];
    const ids = answered.map(({ headers }) => headers.get('x-request-id')!);
    await until(() => ids.every((id) => edge.output.some((line) => line.includes(id))));
    const lines = edge.output.filter((line) => ids.some((id) => line.includes(id)));
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { method: 'POST', path: post, status: 200, grpc_status: '0', request_id: ids[0] },
      { method: 'GET', path: '/v1/queries', status: 200, request_id: ids[1] },
      { method: 'GET', path: '/v2/nothing', status: 401, request_id: ids[2] },
    ]);
    expect(edge.output.join('\n')).not.toMatch(/Bearer|eyJ|words of|customer-7|hello/);
  });
});
