import { Readable } from 'node:stream';
import type { QueryServiceDefinition, StreamQueryResponse } from '../../gen/replymesh/v1/query_service.js';
import type { Within } from '../../lib/call.js';
import { failureMessage } from '../../lib/outcome.js';
import type { Handler } from '../../lib/server.js';
import { accept } from './accept.js';
import type { Afterwards } from './afterwards.js';
import { answer, forCaller, type QueryEvent } from './answer.js';
import type { QueryParts } from './processQuery.js';
import { requestIdOf } from './requestId.js';

/** What was accepted is answered to its end and recorded, though the caller leaves meanwhile: a retry finds the whole decision. */
export const streamQuery = (parts: QueryParts & { afterwards: Afterwards }): Handler<typeof QueryServiceDefinition, 'streamQuery'> =>
  async function* (request, call): AsyncGenerator<StreamQueryResponse> {
    await parts.takeAllowance(call.principal);
    const accepted = accept(request.query!, requestIdOf(request.query!, call.metadata));
    const events = new Readable({ objectMode: true, signal: call.signal, read: () => {} });
    const { within, outlive, end } = outliving(call);
    const tell = (event: QueryEvent): void => {
      outlive();
      events.push(event);
    };
    const result = parts.once(accepted, within, () => answer(parts, accepted, within, tell)).finally(() => events.push(null));
    parts.afterwards.add(result, end);
    // Before the first event an error is the call's own; after it the status line is gone, and the error is an event.
    let begun = false;
    try {
      for await (const event of events as AsyncIterable<QueryEvent>) {
        begun = true;
        yield { event };
      }
      const query = await result;
      if (!begun) yield { event: { $case: 'accepted', value: { id: query.id } } };
      begun = true;
      yield { event: { $case: 'decision', value: forCaller(query, accepted) } };
    } catch (error) {
      if (!begun) throw error;
      yield { event: { $case: 'error', value: failureMessage(error, 'StreamQuery', call.deadline) } };
    }
  };

/** A call whose work ends when its caller leaves, until `outlive`; from then on only its deadline ends it, or `end`. */
function outliving({ principal, deadline, signal }: Within): { within: Within; outlive: () => void; end: () => void } {
  const over = new AbortController();
  const end = (): void => over.abort();
  if (signal.aborted) end();
  signal.addEventListener('abort', end, { once: true });
  return { within: { principal, deadline, signal: over.signal }, outlive: () => signal.removeEventListener('abort', end), end };
}
