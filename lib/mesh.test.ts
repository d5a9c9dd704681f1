import { createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { ServerError, Status } from 'nice-grpc';
import type { BadRequest, ErrorInfo, RichClientError } from 'nice-grpc-error-details';
import { afterEach, describe, expect, it } from 'vitest';
import { KnowledgeServiceDefinition } from '../gen/replymesh/v1/knowledge_service.js';
import { QueryServiceDefinition } from '../gen/replymesh/v1/query_service.js';
import { meshPrincipal } from './access.js';
import { background, type Within } from './call.js';
import { connect } from './client.js';
import { errors } from './metrics.js';
import { type Handlers, type RunningServer, serve, startServer } from './server.js';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const part of open.splice(0).reverse()) await part.close();
});

type QueryHandlers = Handlers<typeof QueryServiceDefinition>;
const unused = (): never => {
  throw new ServerError(Status.UNIMPLEMENTED, 'not part of this test');
};
const NONE = {
  processQuery: unused,
  streamQuery: unused,
  batchProcessQueries: unused,
  getQuery: unused,
  listQueries: unused,
  replayQuery: unused,
} as unknown as QueryHandlers;

async function start(
  handlers: Partial<QueryHandlers>,
  config: { deadlineMs?: number; drainMs?: number; connectionAgeMs?: number } = {},
): Promise<RunningServer> {
  const server = await startServer(
    { listen: '127.0.0.1:0', metricsAddress: '127.0.0.1:0', deadlineMs: 5000, drainMs: 200, ...config },
    meshPrincipal,
    [serve(QueryServiceDefinition, { ...NONE, ...handlers })],
  );
  open.push(server);
  return server;
}
function client(port: number, timeoutMs = 5000) {
  const connection = connect(QueryServiceDefinition, { callee: 'gateway', target: `127.0.0.1:${port}`, timeoutMs });
  open.push(connection);
  return connection.client;
}
const caller = (timeoutMs = 5000, signal?: AbortSignal): { within: Within } => ({
  within: background({ tenant: 'demo', timeoutMs, ...(signal ? { signal } : {}) }),
});
const ID = 'qry_00000000-0000-7000-8000-000000000000';
const failure = async (promise: Promise<unknown>): Promise<RichClientError> =>
  promise.then(
    () => expect.unreachable('the call succeeded'),
    (error) => error as RichClientError,
  );
const reason = (error: RichClientError) => (error.extra?.find((d) => d.$type === 'google.rpc.ErrorInfo') as ErrorInfo | undefined)?.reason;

const raw = {
  options: {},
  requestSerialize: (bytes: Uint8Array) => bytes,
  requestDeserialize: (bytes: Uint8Array) => bytes,
  responseSerialize: (bytes: Uint8Array) => bytes,
  responseDeserialize: (bytes: Uint8Array) => bytes,
} as const;
const firstOf = async <T>(messages: AsyncIterable<T>): Promise<T | undefined> => {
  for await (const message of messages) return message;
  return undefined;
};
/** Messages of a caller who says nothing and does not leave. */
async function* forever(): AsyncGenerator<Uint8Array> {
  await new Promise(() => {});
}

describe('a served contract', () => {
  it('names every field that breaks a rule, in one answer', async () => {
    const { port } = await start({});
    const error = await failure(client(port).processQuery({ text: '', customerId: 'not valid!' }, caller()));
    expect([error.code, reason(error)]).toEqual([Status.INVALID_ARGUMENT, 'FIELD_VIOLATION']);
    const details = error.extra.find((d) => d.$type === 'google.rpc.BadRequest') as BadRequest;
    expect(details.fieldViolations.map((v) => v.field).sort()).toEqual(['customer_id', 'text']);
  });

  it('hides what broke inside behind a trace id', async () => {
    const { port } = await start({
      getQuery: async () => {
        throw new Error('secret detail of a customer');
      },
    });
    const error = await failure(client(port).getQuery({ id: ID }, caller()));
    expect([error.code, reason(error)]).toEqual([Status.INTERNAL, 'INTERNAL_ERROR']);
    expect(JSON.stringify(error.extra) + error.message).not.toContain('secret');
  });

  it('passes the tenant on and refuses a call without one', async () => {
    const { port } = await start({
      getQuery: async (_, call) => ({ query: { id: call.principal.tenant, createTime: new Date(0), decision: {} } }),
    });
    expect((await client(port).getQuery({ id: ID }, caller())).query?.id).toBe('demo');
    const error = await failure(
      client(port).getQuery({ id: ID }, { within: { ...caller().within, principal: { tenant: '', subject: '', scopes: new Set() } } }),
    );
    expect(reason(error)).toBe('TOKEN_MISSING');
  });

  it('passes on who calls, in whatever script the name is written', async () => {
    const { port } = await start({
      getQuery: async (_, call) => ({ query: { id: call.principal.subject, createTime: new Date(0), decision: {} } }),
    });
    const names = ['Zoë 王', 'a b%20c\t', ' spaces at the ends ', '🙂'];
    const answers = await Promise.all(
      names.map((subject) =>
        client(port).getQuery({ id: ID }, { within: { ...caller().within, principal: { tenant: 'demo', subject, scopes: new Set() } } }),
      ),
    );
    expect(answers.map((a) => a.query?.id)).toEqual(names);
  });

  it('says of a message that is too large what the limit is, and counts it', async () => {
    const { port } = await start({});
    const error = await failure(client(port).processQuery({ text: 'a'.repeat(5 * 1024 * 1024) }, caller()));
    expect([error.code, reason(error)]).toEqual([Status.RESOURCE_EXHAUSTED, 'MESSAGE_TOO_LARGE']);
    expect((await errors.get()).values).toContainEqual(expect.objectContaining({ labels: { error_type: 'MESSAGE_TOO_LARGE' }, value: 1 }));
  });
});

describe('a method that is not served', () => {
  it.each(['a call', 'a stream'])('is refused with its reason, to %s', async (kind) => {
    const { port } = await start({});
    const connection = connect(KnowledgeServiceDefinition, { callee: 'gateway', target: `127.0.0.1:${port}`, timeoutMs: 5000 });
    const stream = connect(
      { nowhere: { ...raw, path: '/replymesh.v1.Nowhere/Go', requestStream: true, responseStream: true } },
      { callee: 'gateway', target: `127.0.0.1:${port}`, timeoutMs: 5000 },
    );
    open.push(connection, stream);
    const asked =
      kind === 'a call' ? connection.client.getArticle({ id: 'returns' }, caller()) : firstOf(stream.client.nowhere(forever(), caller()));
    const error = await failure(asked);
    expect([error.code, reason(error)]).toEqual([Status.UNIMPLEMENTED, 'ROUTE_NOT_FOUND']);
  });
});

describe('deadlines and cancellation', () => {
  it('gives a handler what is left of its caller’s deadline, and fires its signal when that passes', async () => {
    let leftMs = 0;
    let aborted = false;
    const { port } = await start({
      getQuery: async (_, call) => {
        leftMs = call.deadline.getTime() - Date.now();
        await new Promise<void>((resolve) => call.signal.addEventListener('abort', () => resolve()));
        aborted = true;
        call.signal.throwIfAborted();
        return {};
      },
    });
    const error = await failure(client(port).getQuery({ id: ID }, caller(300)));
    expect(error.code).toBe(Status.DEADLINE_EXCEEDED);
    expect(leftMs).toBeGreaterThan(0);
    expect(leftMs).toBeLessThanOrEqual(300);
    await expect.poll(() => aborted).toBe(true);
  });

  it('never lets a call run longer than the server allows, even when the caller names no deadline that short', async () => {
    const { port } = await start(
      { getQuery: (_, call) => new Promise((_resolve, reject) => call.signal.addEventListener('abort', () => reject(call.signal.reason))) },
      { deadlineMs: 150 },
    );
    const error = await failure(client(port).getQuery({ id: ID }, caller(60_000)));
    expect([error.code, reason(error)]).toEqual([Status.DEADLINE_EXCEEDED, 'DEADLINE_PASSED']);
  });

  it('stops the work when the caller leaves', async () => {
    let aborted = false;
    let running = false;
    const { port } = await start({
      getQuery: async (_, call) => {
        running = true;
        await new Promise<void>((resolve) => call.signal.addEventListener('abort', () => resolve()));
        aborted = true;
        return {};
      },
    });
    const leave = new AbortController();
    const answer = client(port)
      .getQuery({ id: ID }, caller(5000, leave.signal))
      .catch((e: Error) => e.name);
    await expect.poll(() => running).toBe(true);
    leave.abort();
    expect(await answer).toBe('AbortError');
    await expect.poll(() => aborted).toBe(true);
  });

  it('says that the deadline passed, not that somebody left, when its own process stalls past it', async () => {
    const { port } = await start({ getQuery: () => new Promise(() => {}) });
    const gateway = client(port);
    const late = caller(50);
    const until = Date.now() + 400;
    while (Date.now() < until);
    expect((await failure(gateway.getQuery({ id: ID }, late))).code).toBe(Status.DEADLINE_EXCEEDED);
  });

  it('ends a stream at the callee as soon as its reader leaves', async () => {
    let aborted = false;
    const { port } = await start({
      async *streamQuery(_, call) {
        call.signal.addEventListener('abort', () => (aborted = true));
        yield { event: { $case: 'accepted' as const, value: { id: 'q' } } };
        await new Promise((_resolve, reject) => call.signal.addEventListener('abort', () => reject(call.signal.reason)));
      },
    });
    for await (const _ of client(port).streamQuery({ query: { text: 'hello' } }, caller())) break;
    await expect.poll(() => aborted, { timeout: 2000 }).toBe(true);
  });

  it('ends within its own time when the callee accepts the connection and stays silent', async () => {
    const sockets = new Set<Socket>();
    const silent: TcpServer = createTcpServer((socket) => sockets.add(socket));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    open.push({
      close: () => {
        for (const socket of sockets) socket.destroy();
        return new Promise((resolve) => silent.close(() => resolve()));
      },
    });
    const { port } = silent.address() as { port: number };
    const error = await failure(client(port, 200).getQuery({ id: ID }, caller(10_000)));
    expect(error.code).toBe(Status.DEADLINE_EXCEEDED);
  });
});

describe('calls between services', () => {
  it('are repeated on UNAVAILABLE where the contract calls them idempotent, and only there', async () => {
    let reads = 0;
    let writes = 0;
    const server = await startServer(
      { listen: '127.0.0.1:0', metricsAddress: '127.0.0.1:0', deadlineMs: 5000, drainMs: 200 },
      meshPrincipal,
      [
        serve(KnowledgeServiceDefinition, {
          getArticle: async () => {
            reads += 1;
            if (reads < 3) throw new ServerError(Status.UNAVAILABLE, 'later');
            return {};
          },
          createArticle: async () => {
            writes += 1;
            throw new ServerError(Status.UNAVAILABLE, 'later');
          },
          listArticles: unused,
          updateArticle: unused,
          deleteArticle: unused,
          searchArticles: unused,
          importArticles: unused,
        }),
      ],
    );
    open.push(server);
    const connection = connect(KnowledgeServiceDefinition, { callee: 'context', target: `127.0.0.1:${server.port}`, timeoutMs: 5000 });
    open.push(connection);
    await connection.client.getArticle({ id: 'returns' }, caller());
    expect(reads).toBe(3);
    await failure(connection.client.createArticle({ article: { id: 'returns', title: 'Returns', body: 'Thirty days.' } }, caller()));
    expect(writes).toBe(1);
  });

  it('name the service that does not answer, also behind a public contract', async () => {
    const away = connect(KnowledgeServiceDefinition, { callee: 'context', target: '127.0.0.1:1', timeoutMs: 1000 });
    open.push(away);
    const { port } = await start({
      getQuery: async (_, call) => void (await away.client.getArticle({ id: 'returns' }, { within: call })) as never,
    });
    const error = await failure(client(port).getQuery({ id: ID }, caller()));
    expect([error.code, reason(error), error.details]).toEqual([
      Status.UNAVAILABLE,
      'SERVICE_UNREACHABLE',
      expect.stringContaining('context'),
    ]);
  });

  it('stop hitting a callee in trouble, and come back by themselves', async () => {
    let calls = 0;
    let healthy = false;
    const { port } = await start({
      getQuery: async () => {
        calls += 1;
        if (!healthy) throw new ServerError(Status.INTERNAL, 'broken');
        return {};
      },
    });
    const gateway = client(port);
    for (let i = 0; i < 30; i += 1) await failure(gateway.getQuery({ id: ID }, caller()));
    expect(calls).toBeLessThan(30);
    const before = calls;
    expect((await failure(gateway.getQuery({ id: ID }, caller()))).code).toBe(Status.UNAVAILABLE);
    expect(calls).toBe(before);
    healthy = true;
    await expect
      .poll(
        () =>
          gateway.getQuery({ id: ID }, caller()).then(
            () => 'answered',
            () => 'refused',
          ),
        { timeout: 5000 },
      )
      .toBe('answered');
  });

  it('do not blame the callee for a caller’s mistakes', async () => {
    const { port } = await start({
      getQuery: async () => {
        throw new ServerError(Status.NOT_FOUND, 'none');
      },
    });
    const gateway = client(port);
    for (let i = 0; i < 40; i += 1) expect((await failure(gateway.getQuery({ id: ID }, caller()))).code).toBe(Status.NOT_FOUND);
  });
});

describe('a server that sends its callers to new connections', () => {
  it('lets a running call and a stream finish on the old one', async () => {
    const longMs = 1500;
    const { port } = await start(
      {
        getQuery: async () => {
          await wait(longMs);
          return {};
        },
        async *streamQuery() {
          yield { event: { $case: 'accepted' as const, value: { id: 'q' } } };
          await wait(longMs);
          yield { event: { $case: 'accepted' as const, value: { id: 'end' } } };
        },
      },
      { connectionAgeMs: 200, drainMs: 200 },
    );
    const gateway = client(port);
    const stream = (async () => {
      let count = 0;
      for await (const _ of gateway.streamQuery({ query: { text: 'hello' } }, caller())) count += 1;
      return count;
    })();
    expect(await Promise.all([gateway.getQuery({ id: ID }, caller()), stream])).toEqual([expect.anything(), 2]);
  });
});

describe('many streams at once', () => {
  it('raise no warning of the runtime', async () => {
    const warnings: string[] = [];
    const listen = (warning: Error): void => void warnings.push(warning.name);
    process.on('warning', listen);
    open.push({ close: async () => void process.off('warning', listen) });
    const { port } = await start({
      async *streamQuery(_, call) {
        yield { event: { $case: 'accepted' as const, value: { id: 'q' } } };
        await new Promise<void>((resolve) => call.signal.addEventListener('abort', () => resolve()));
      },
    });
    const gateway = client(port);
    const streams = Array.from({ length: 20 }, () => gateway.streamQuery({ query: { text: 'hello' } }, caller())[Symbol.asyncIterator]());
    await Promise.all(streams.map((s) => s.next()));
    await Promise.all(streams.map((s) => s.return?.()));
    expect(warnings).toEqual([]);
  });
});

describe('a server that stops', () => {
  it('lets running calls finish and ends open streams with a typed UNAVAILABLE', async () => {
    let finish = (): void => {};
    const { port, close } = await start(
      {
        getQuery: () =>
          new Promise((resolve) => (finish = () => resolve({ query: { id: 'done', createTime: new Date(0), decision: {} } }))),
        async *streamQuery(_, call) {
          yield { event: { $case: 'accepted' as const, value: { id: 'q' } } };
          await new Promise((_resolve, reject) => call.signal.addEventListener('abort', () => reject(call.signal.reason)));
        },
      },
      { drainMs: 1000 },
    );
    const gateway = client(port);
    const running = gateway.getQuery({ id: ID }, caller());
    const stream = gateway.streamQuery({ query: { text: 'hello' } }, caller())[Symbol.asyncIterator]();
    await stream.next();
    await expect.poll(() => finish.name).not.toBe('');
    const closed = close();
    finish();
    expect((await running).query?.id).toBe('done');
    const error = await failure(stream.next());
    expect([error.code, reason(error)]).toEqual([Status.UNAVAILABLE, 'SERVICE_DRAINING']);
    await closed;
  });
});
