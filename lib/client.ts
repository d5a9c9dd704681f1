import { isAbortError } from 'abort-controller-x';
import {
  type CallOptions,
  type Client,
  ClientError,
  type ClientMiddleware,
  type CompatServiceDefinition,
  createChannel,
  createClientFactory,
  Metadata,
  Status,
} from 'nice-grpc';
import { deadlineMiddleware } from 'nice-grpc-client-middleware-deadline';
import { retryMiddleware } from 'nice-grpc-client-middleware-retry';
import { errorDetailsClientMiddleware } from 'nice-grpc-error-details';
import { prometheusClientMiddleware } from 'nice-grpc-prometheus';
import { breakerMiddleware } from './breaker.js';
import { encodeName, SUBJECT_KEY, TENANT_KEY, type Within } from './call.js';
import { timeoutMiddleware } from './deadline.js';
import { MAX_MESSAGE_BYTES } from './limits.js';

/** Every method asks on whose behalf the call is made: `client.predict(request, { within: call })`. */
export type MeshClient<D extends CompatServiceDefinition> = {
  [M in keyof Client<D>]: Client<D>[M] extends (request: infer Q, options?: never) => infer R
    ? (request: Q, options: CallOptions & { within: Within }) => R
    : never;
};

export interface Connection<D extends CompatServiceDefinition> {
  readonly client: MeshClient<D>;
  close(): Promise<void>;
}

const CHANNEL_OPTIONS = {
  'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 3000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.dns_min_time_between_resolutions_ms': 1000,
  'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
  'grpc.enable_channelz': 0,
};

/** Carries principal, signal and deadline of the call that this one serves. */
const withinMiddleware: ClientMiddleware<{ within: Within }, { deadline: Date }> = async function* (call, options) {
  const { within, ...rest } = options;
  if (!within) throw new Error(`A call of ${call.method.path} without "within": it would have no deadline.`);
  const metadata = Metadata(options.metadata);
  metadata.set(TENANT_KEY, encodeName(within.principal.tenant)).set(SUBJECT_KEY, encodeName(within.principal.subject));
  const signal = options.signal ?? within.signal;
  try {
    return yield* call.next(call.request, { ...rest, metadata, signal, deadline: within.deadline });
  } catch (error) {
    // In a process that stalls, the timer of `background`'s signal may fire before the one of the deadline; it says the same.
    if (isAbortError(error) && Date.now() >= within.deadline.getTime() && !isLeft(signal))
      throw new ClientError(call.method.path, Status.DEADLINE_EXCEEDED, 'The deadline passed.');
    throw error;
  }
};

/** Whether somebody aborted the signal, as against a timer of `AbortSignal.timeout`. */
const isLeft = (signal: AbortSignal): boolean => signal.aborted && (signal.reason as Error | undefined)?.name !== 'TimeoutError';

/** Retries only what the contract calls idempotent, only on UNAVAILABLE, twice. */
const RETRY = { retryableStatuses: [Status.UNAVAILABLE], retryMaxAttempts: 2, retryBaseDelayMs: 20, retryMaxDelayMs: 200 };

/** Who answers for a service of the contract, as this process is connected: public ones are served behind the gateway. */
const callees = new Map<string, string>();
/** Who is asked for a method, by its path. */
export const calleeOf = (path: string): string => callees.get(path.split('/')[1] ?? '') ?? 'next';

/**
 * The one way to call another service: round robin over the addresses of `target`, one channel for the life of the process,
 * the caller's deadline (each call at most `timeoutMs`) and cancellation, retries by `idempotency_level`, a breaker for each method, metrics, tracing.
 * Errors are `ClientError`s, with the callee's details where it sent some (`RichClientError`).
 */
export function connect<D extends CompatServiceDefinition>(
  definition: D,
  to: { callee: string; target: string; timeoutMs: number },
): Connection<D> {
  callees.set((definition as unknown as { readonly fullName: string }).fullName, to.callee);
  const channel = createChannel(to.target.includes('///') ? to.target : `dns:///${to.target}`, undefined, CHANNEL_OPTIONS);
  // The middleware attached last is invoked first.
  const client = createClientFactory()
    .use(errorDetailsClientMiddleware)
    .use(deadlineMiddleware)
    .use(timeoutMiddleware(to.timeoutMs))
    .use(retryMiddleware)
    .use(prometheusClientMiddleware())
    .use(breakerMiddleware(to.callee))
    .use(withinMiddleware as unknown as ClientMiddleware<{ within: Within }>)
    .create(definition, channel, { '*': RETRY });
  return {
    client: client as unknown as MeshClient<D>,
    close: async () => channel.close(),
  };
}

/** Whether an error says that the callee could not answer, so that a lesser answer may stand in. */
export const isUnavailable = (error: unknown): boolean =>
  error instanceof ClientError &&
  [
    Status.UNAVAILABLE,
    Status.DEADLINE_EXCEEDED,
    Status.RESOURCE_EXHAUSTED,
    Status.INTERNAL,
    Status.UNKNOWN,
    Status.CANCELLED,
    Status.UNIMPLEMENTED,
  ].includes(error.code);
