import {
  type BatchProcessQueriesRequest,
  type BatchProcessQueriesResponse,
  ProcessQueryRequest,
  type QueryServiceDefinition,
} from '../../gen/replymesh/v1/query_service.js';
import type { Call } from '../../lib/call.js';
import { messageType, violationsOf } from '../../lib/contract.js';
import { failureMessage } from '../../lib/outcome.js';
import type { Handler } from '../../lib/server.js';
import { requireNone } from '../../lib/validation.js';
import { processQuery, type QueryParts } from './processQuery.js';

type Answer = BatchProcessQueriesResponse;
const requestType = messageType('replymesh.v1.ProcessQueryRequest');

/** Several messages at a time, at most `concurrency`; the next one is read from the stream only when a place is free. */
export const batchProcessQueries = (
  parts: QueryParts & { concurrency: number; perMessageMs: number },
): Handler<typeof QueryServiceDefinition, 'batchProcessQueries'> => {
  const one = processQuery(parts);
  const answerOne = async ({ correlationId, query }: BatchProcessQueriesRequest, call: Call): Promise<Answer> => {
    const deadline = new Date(Math.min(call.deadline.getTime(), Date.now() + parts.perMessageMs));
    try {
      const request = query ?? ProcessQueryRequest.fromPartial({});
      requireNone(
        violationsOf(requestType, ProcessQueryRequest.encode(request).finish()).map((v) => ({ ...v, field: `query.${v.field}` })),
      );
      const { decision } = await one(request, { ...call, deadline });
      return { correlationId, result: { $case: 'decision', value: decision as never } };
    } catch (error) {
      call.signal.throwIfAborted();
      return { correlationId, result: { $case: 'error', value: failureMessage(error, 'BatchProcessQueries', deadline) } };
    }
  };

  return async function* (requests, call): AsyncGenerator<Answer> {
    const running = new Set<Promise<Answer>>();
    const next = async (): Promise<Answer> => {
      const { answer, self } = await Promise.race([...running].map(async (self) => ({ answer: await self, self })));
      running.delete(self);
      return answer;
    };
    for await (const request of requests) {
      running.add(answerOne(request, call as Call));
      if (running.size >= parts.concurrency) yield await next();
    }
    while (running.size > 0) yield await next();
  };
};
