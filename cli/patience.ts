import { setTimeout as wait } from 'node:timers/promises';
import type { ClientMiddleware } from 'nice-grpc';
import { RichClientError } from 'nice-grpc-error-details';

/** A command that many others keep from its turn for so long says so. */
const MOST_MS = 60_000;

/** Asks again what was refused for now, after the time that the refusal names (`RetryInfo`, AIP-193). Nothing was done then, so that any call may be repeated. */
export const patienceMiddleware: ClientMiddleware = async function* (call, options) {
  const until = Date.now() + MOST_MS;
  for (;;) {
    try {
      return yield* call.next(call.request, options);
    } catch (error) {
      const delayMs = delayIn(error);
      if (delayMs === undefined || call.requestStream || call.responseStream || Date.now() + delayMs > until) throw error;
      await wait(delayMs, undefined, options.signal ? { signal: options.signal } : {});
    }
  }
};

/** Milliseconds after which the call may be repeated; undefined where nobody says that it may. */
function delayIn(error: unknown): number | undefined {
  if (!(error instanceof RichClientError)) return undefined;
  const [delay] = error.extra.flatMap((detail) => (detail.$type === 'google.rpc.RetryInfo' ? [detail.retryDelay] : []));
  return delay && delay.seconds * 1000 + delay.nanos / 1e6;
}
