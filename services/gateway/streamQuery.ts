import type { QueryServiceDefinition, StreamQueryResponse } from '../../gen/replymesh/v1/query_service.js';
import { failureMessage } from '../../lib/outcome.js';
import type { Handler } from '../../lib/server.js';
import { accept } from './accept.js';
import { answer, forCaller } from './answer.js';
import type { QueryParts } from './processQuery.js';

export const streamQuery = (parts: QueryParts): Handler<typeof QueryServiceDefinition, 'streamQuery'> =>
  async function* (request, call): AsyncGenerator<StreamQueryResponse> {
    await parts.takeAllowance(call.principal);
    const accepted = accept(request.query!, call);
    const events = parts.once(accepted, call, () => answer(parts, accepted, true, call));
    // Before the first event an error is the call's own; after it the status line is gone, and the error is an event.
    let begun = false;
    try {
      for (;;) {
        const next = await events.next();
        begun ||= !next.done;
        if (next.done) {
          yield { event: { $case: 'decision', value: forCaller(next.value.decision!, accepted) } };
          return;
        }
        yield { event: next.value };
      }
    } catch (error) {
      if (!begun) throw error;
      yield { event: { $case: 'error', value: failureMessage(error, 'StreamQuery', call.deadline) } };
    } finally {
      await events.return(undefined as never).catch(() => {});
    }
  };
