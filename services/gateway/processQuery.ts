import type { Decision } from '../../gen/replymesh/type/v1/decision.js';
import type { ProcessQueryRequest, QueryServiceDefinition } from '../../gen/replymesh/v1/query_service.js';
import type { Within } from '../../lib/call.js';
import type { Handler } from '../../lib/server.js';
import { accept } from './accept.js';
import { answer, forCaller, type Parts } from './answer.js';
import type { Once } from './once.js';
import type { TakeAllowance } from './rateLimit.js';
import { requestIdOf } from './requestId.js';

/** Everything that answering one message takes. */
export interface QueryParts extends Parts {
  readonly once: Once;
  readonly takeAllowance: TakeAllowance;
}

/** Answers one message for a caller who waits for the whole answer. */
export async function answerWhole(parts: QueryParts, request: ProcessQueryRequest, requestId: string, within: Within): Promise<Decision> {
  await parts.takeAllowance(within.principal);
  const accepted = accept(request, requestId);
  const query = await parts.once(accepted, within, () => answer(parts, accepted, within));
  return forCaller(query, accepted);
}

export const processQuery =
  (parts: QueryParts): Handler<typeof QueryServiceDefinition, 'processQuery'> =>
  async (request, call) => ({ decision: await answerWhole(parts, request, requestIdOf(request, call.metadata), call) });
