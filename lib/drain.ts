import type { ServerMiddleware } from 'nice-grpc';
import { kitFault } from './errors.js';

/** Ends open streams with a typed UNAVAILABLE when `draining` fires, so that callers go elsewhere instead of seeing CANCELLED. */
export function drainMiddleware(draining: AbortSignal): ServerMiddleware {
  return async function* (call, context) {
    if (!call.responseStream) return yield* call.next(call.request, context);
    const iterator = call.next(call.request, context);
    let stop = (): void => {};
    const drained = new Promise<never>((_, reject) => {
      stop = () => reject(kitFault('SERVICE_DRAINING', {}));
    });
    drained.catch(() => {});
    if (draining.aborted) stop();
    draining.addEventListener('abort', stop);
    try {
      for (;;) {
        const next = await Promise.race([iterator.next(), drained]);
        if (next.done) return;
        yield next.value as never;
      }
    } finally {
      draining.removeEventListener('abort', stop);
      void iterator.return(undefined as never).catch(() => {});
    }
  };
}
