import { createChannel, createClientFactory, createServer, Status } from 'nice-grpc';
import { errorDetailsClientMiddleware, errorDetailsServerMiddleware, RichClientError } from 'nice-grpc-error-details';
import { expect, it } from 'vitest';
import { QueryServiceDefinition } from '../gen/replymesh/v1/query_service.js';
import { deadlineMiddleware } from './deadline.js';
import { outcomeMiddleware } from './outcome.js';

it('a stream that its caller leaves open ends at the server’s limit, with the reason', async () => {
  const unused = (): never => expect.unreachable();
  const server = createServer().use(errorDetailsServerMiddleware).use(deadlineMiddleware(5000, 300)).use(outcomeMiddleware);
  server.add(QueryServiceDefinition, {
    processQuery: unused,
    streamQuery: unused,
    getQuery: unused,
    listQueries: unused,
    replayQuery: unused,
    async *batchProcessQueries(requests) {
      for await (const { correlationId } of requests) yield { correlationId };
    },
  });
  const port = await server.listen('127.0.0.1:0');
  const channel = createChannel(`127.0.0.1:${port}`);
  const client = createClientFactory().use(errorDetailsClientMiddleware).create(QueryServiceDefinition, channel);
  async function* patient() {
    yield { correlationId: 'first' };
    await new Promise(() => {});
  }
  try {
    const answers = client.batchProcessQueries(patient())[Symbol.asyncIterator]();
    expect((await answers.next()).value).toMatchObject({ correlationId: 'first' });
    const error = await answers.next().catch((e: unknown) => e);
    expect(error).toBeInstanceOf(RichClientError);
    expect(error).toMatchObject({ code: Status.DEADLINE_EXCEEDED, extra: [{ reason: 'DEADLINE_PASSED' }] });
  } finally {
    channel.close();
    server.forceShutdown();
  }
});
