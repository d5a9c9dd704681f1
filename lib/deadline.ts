import { ResponderBuilder, ServerInterceptingCall, type ServerInterceptor, ServerListenerBuilder } from '@grpc/grpc-js';
import { abortable } from 'abort-controller-x';
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

/** Gives every call a deadline: the caller's, but never more than `maxMs`; a signal that fires when it passes, and requests that end then. */
export function deadlineMiddleware(maxMs: number, streamMaxMs: number): ServerMiddleware<{ deadline: Date }> {
  return async function* (call, context: CallContext) {
    const limit = Date.now() + (call.requestStream ? streamMaxMs : maxMs);
    const asked = Number(context.metadata.get(DEADLINE_KEY) ?? Number.POSITIVE_INFINITY);
    const deadline = new Date(Math.min(asked, limit));
    // grpc-js itself cancels the call at the caller's deadline; only ours needs a timer.
    if (asked <= limit) return yield* call.next(call.request, { ...context, deadline });
    // Not `AbortSignal.any`: its weak references, made for each call, are work for the garbage collector.
    const ended = new AbortController();
    const end = (): void => ended.abort();
    const timer = setTimeout(end, limit - Date.now());
    if (context.signal.aborted) end();
    context.signal.addEventListener('abort', end);
    const { signal } = ended;
    try {
      return yield* call.next(call.requestStream ? until(signal, call.request) : (call.request as never), { ...context, deadline, signal });
    } finally {
      clearTimeout(timer);
      context.signal.removeEventListener('abort', end);
    }
  };
}

/** Messages whose sender may leave the stream open. @throws AbortError when the signal fires */
async function* until<T>(signal: AbortSignal, messages: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = messages[Symbol.asyncIterator]();
  for (;;) {
    const next = await abortable(signal, iterator.next());
    if (next.done) return;
    yield next.value;
  }
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
