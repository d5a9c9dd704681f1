import type { QueryServiceDefinition } from '../../gen/replymesh/v1/query_service.js';
import type { Handler } from '../../lib/server.js';
import { accept } from './accept.js';
import { answer, forCaller, type Parts } from './answer.js';
import type { Once } from './once.js';
import type { TakeAllowance } from './rateLimit.js';

/** Everything that answering one message takes. */
export interface QueryParts extends Parts {
  readonly once: Once;
  readonly takeAllowance: TakeAllowance;
}

export const processQuery =
  (parts: QueryParts): Handler<typeof QueryServiceDefinition, 'processQuery'> =>
  async (request, call) => {
    await parts.takeAllowance(call.principal);
    const accepted = accept(request, call);
    const { value: query } = await last(parts.once(accepted, call, () => answer(parts, accepted, false, call)));
    return { decision: forCaller(query.decision!, accepted) };
  };

/** Runs a generator to its end for what it returns. */
async function last<T, R>(generator: AsyncGenerator<T, R>): Promise<IteratorReturnResult<R>> {
  for (;;) {
    const next = await generator.next();
    if (next.done) return next;
  }
}
