import {
  type BatchProcessQueriesRequest,
  type BatchProcessQueriesResponse,
  ProcessQueryRequest,
  type QueryServiceDefinition,
} from '../../gen/replymesh/v1/query_service.js';
import type { Within } from '../../lib/call.js';
import { messageType, violationsOf } from '../../lib/contract.js';
import { failureMessage } from '../../lib/outcome.js';
import type { Handler } from '../../lib/server.js';
import { requireNone } from '../../lib/validation.js';
import { inParallel } from './inParallel.js';
import { answerWhole, type QueryParts } from './processQuery.js';

type Answer = BatchProcessQueriesResponse;
const requestType = messageType('replymesh.v1.ProcessQueryRequest');
const MAX_CORRELATION_ID = 128;

/** Several messages at a time, at most `concurrency`, and each answer as soon as it is there. */
export const batchProcessQueries =
  (parts: QueryParts & { concurrency: number; perMessageMs: number }): Handler<typeof QueryServiceDefinition, 'batchProcessQueries'> =>
  (requests, call) => {
    const answerOne = async ({ correlationId, query }: BatchProcessQueriesRequest, { principal, signal }: Within): Promise<Answer> => {
      const deadline = new Date(Math.min(call.deadline.getTime(), Date.now() + parts.perMessageMs));
      const own = [...correlationId].slice(0, MAX_CORRELATION_ID).join('');
      try {
        const request = query ?? ProcessQueryRequest.fromPartial({});
        requireValid(correlationId, request);
        // The header Idempotency-Key names the call, and so none of its messages.
        const decision = await answerWhole(parts, request, request.requestId, { principal, deadline, signal });
        return { correlationId: own, result: { $case: 'decision', value: decision } };
      } catch (error) {
        signal.throwIfAborted();
        return { correlationId: own, result: { $case: 'error', value: failureMessage(error, 'BatchProcessQueries', deadline) } };
      }
    };
    return inParallel(requests, parts.concurrency, (request) => answerOne(request, call));
  };

function requireValid(correlationId: string, query: ProcessQueryRequest): void {
  const length = [...correlationId].length;
  requireNone([
    ...(length >= 1 && length <= MAX_CORRELATION_ID
      ? []
      : [{ field: 'correlation_id', description: `must be 1 to ${MAX_CORRELATION_ID} characters` }]),
    ...violationsOf(requestType, ProcessQueryRequest.encode(query).finish()).map((v) => ({ ...v, field: `query.${v.field}` })),
  ]);
}
