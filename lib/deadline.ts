import { ResponderBuilder, ServerInterceptingCall, type ServerInterceptor, ServerListenerBuilder } from '@grpc/grpc-js';
import { type CallContext, type ClientMiddleware, Metadata, type ServerMiddleware } from 'nice-grpc';
import type { DeadlineOptions } from 'nice-grpc-client-middleware-deadline';

/** Where the interceptor leaves the caller's deadline (milliseconds since 1970), since nice-grpc does not show it. */
const DEADLINE_KEY = 'x-replymesh-deadline';

export const deadlineInterceptor: ServerInterceptor = (_method, call) =>
  new ServerInterceptingCall(
    call,
    new ResponderBuilder()
      .withStart((next) =>
        next(
          new ServerListenerBuilder()
            .withOnReceiveMetadata((metadata, pass) => {
              metadata.remove(DEADLINE_KEY);
              const deadline = Number(call.getDeadline());
              if (Number.isFinite(deadline)) metadata.set(DEADLINE_KEY, String(deadline));
              pass(metadata);
            })
            .build(),
        ),
      )
      .build(),
  );

/** Gives every call a deadline: the caller's, but never more than `maxMs`; and a signal that fires when it passes. */
export function deadlineMiddleware(maxMs: number, streamMaxMs: number): ServerMiddleware<{ deadline: Date }> {
  return async function* (call, context: CallContext) {
    const limit = Date.now() + (call.requestStream ? streamMaxMs : maxMs);
    const asked = Number(context.metadata.get(DEADLINE_KEY) ?? Number.POSITIVE_INFINITY);
    const deadline = new Date(Math.min(asked, limit));
    // grpc-js itself cancels the call at the caller's deadline; only ours needs a timer.
    if (asked <= limit) return yield* call.next(call.request, { ...context, deadline });
    const controller = new AbortController();
    const abort = () => controller.abort();
    const timer = setTimeout(abort, limit - Date.now());
    context.signal.addEventListener('abort', abort);
    try {
      return yield* call.next(call.request, { ...context, deadline, signal: controller.signal });
    } finally {
      clearTimeout(timer);
      context.signal.removeEventListener('abort', abort);
    }
  };
}

/** Sends what is left of the deadline (gRPC over HTTP/2, `grpc-timeout`), at most `capMs`. */
export function timeoutMiddleware(capMs: number): ClientMiddleware<object, DeadlineOptions> {
  return async function* (call, options) {
    const leftMs = Math.max(1, Math.min(capMs, Number(options.deadline ?? Number.POSITIVE_INFINITY) - Date.now()));
    const metadata = Metadata(options.metadata);
    metadata.set('grpc-timeout', `${Math.floor(leftMs)}m`);
    return yield* call.next(call.request, { ...options, metadata, deadline: new Date(Date.now() + leftMs) });
  };
}
