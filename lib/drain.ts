import type { ServerMiddleware } from 'nice-grpc';
import { kitFault } from './errors.js';

/**
 * Ends open streams with a typed UNAVAILABLE when `draining` fires, so that callers go elsewhere instead of seeing CANCELLED.
 * To their handlers it is as if the caller had left.
 */
export function drainMiddleware(draining: AbortSignal): ServerMiddleware {
  // One listener on the signal, however many streams are open.
  const stops = new Set<() => void>();
  draining.addEventListener('abort', () => {
    for (const stop of stops) stop();
  });
  return async function* (call, context) {
    if (!call.responseStream) return yield* call.next(call.request, context);
    const left = new AbortController();
    const iterator = call.next(call.request, { ...context, signal: AbortSignal.any([context.signal, left.signal]) });
    let stop = (): void => {};
    const drained = new Promise<never>((_, reject) => {
      stop = () => {
        reject(kitFault('SERVICE_DRAINING', {}));
        left.abort();
      };
    });
    drained.catch(() => {});
    if (draining.aborted) stop();
    stops.add(stop);
    try {
      for (;;) {
        const next = await Promise.race([iterator.next(), drained]);
        if (next.done) return;
        yield next.value as never;
      }
    } finally {
      stops.delete(stop);
      void iterator.return(undefined as never).catch(() => {});
    }
  };
}
