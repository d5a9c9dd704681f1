import { SpanStatusCode, trace } from '@opentelemetry/api';
import { isAbortError } from 'abort-controller-x';
import { ClientError, ServerError, type ServerMiddleware, Status } from 'nice-grpc';
import { type ErrorDetails, RichClientError, RichServerError } from 'nice-grpc-error-details';
import type { Status as RpcStatus } from '../gen/google/rpc/status.js';
import { calleeOf } from './client.js';
import { methods } from './contract.js';
import { Fault, kitFault, rpcStatusOf } from './errors.js';
import { log } from './log.js';
import { apiRequestDuration, apiRequests, errors } from './metrics.js';

/** HTTP status for each gRPC code, as google/rpc/code.proto gives it; Envoy's transcoder maps the same way. */
const HTTP_STATUS: Readonly<Record<number, number>> = {
  [Status.OK]: 200,
  [Status.CANCELLED]: 499,
  [Status.UNKNOWN]: 500,
  [Status.INVALID_ARGUMENT]: 400,
  [Status.DEADLINE_EXCEEDED]: 504,
  [Status.NOT_FOUND]: 404,
  [Status.ALREADY_EXISTS]: 409,
  [Status.PERMISSION_DENIED]: 403,
  [Status.UNAUTHENTICATED]: 401,
  [Status.RESOURCE_EXHAUSTED]: 429,
  [Status.FAILED_PRECONDITION]: 400,
  [Status.ABORTED]: 409,
  [Status.OUT_OF_RANGE]: 400,
  [Status.UNIMPLEMENTED]: 501,
  [Status.INTERNAL]: 500,
  [Status.UNAVAILABLE]: 503,
  [Status.DATA_LOSS]: 500,
};

const reasonOf = (details: readonly ErrorDetails[]): string | undefined =>
  details.flatMap((d) => (d.$type === 'google.rpc.ErrorInfo' ? [d.reason] : []))[0];

/** Turns whatever a handler threw into an error of the catalogue. What is not one of ours is logged and becomes INTERNAL with the trace id alone. */
function toFault(error: unknown, path: string, deadlinePassed: boolean): ServerError {
  if (error instanceof ServerError) return error;
  if (isAbortError(error)) return kitFault(deadlinePassed ? 'DEADLINE_PASSED' : 'CALL_CANCELLED', {});
  if (error instanceof RichClientError && reasonOf(error.extra) !== undefined)
    return new RichServerError(error.code, error.details, error.extra);
  if (error instanceof ClientError) {
    if (error.code === Status.DEADLINE_EXCEEDED) return kitFault('DEADLINE_PASSED', {});
    if (error.code === Status.UNAVAILABLE || error.code === Status.CANCELLED)
      return kitFault('SERVICE_UNREACHABLE', { service: calleeOf(error.path) });
  }
  log.error({ method: path, error }, 'unexpected error');
  const span = trace.getActiveSpan();
  span?.setStatus({ code: SpanStatusCode.ERROR });
  return kitFault('INTERNAL_ERROR', { trace_id: span?.spanContext().traceId ?? 'none' });
}

/** Timers fire up to a millisecond early or some late. */
const TIMER_SLACK_MS = 5;
const hasPassed = (deadline: Date): boolean => Date.now() >= deadline.getTime() - TIMER_SLACK_MS;

const count = (fault: ServerError): void =>
  errors.inc({
    error_type:
      fault instanceof Fault
        ? fault.reason
        : (fault instanceof RichServerError && reasonOf(fault.extra)) || Status[fault.code] || 'UNKNOWN',
  });

/** A failure that a stream tells in a message, because others come after it or its status line is gone. It counts like a call's. */
export function failureMessage(error: unknown, path: string, deadline: Date): RpcStatus {
  const fault = toFault(error, path, hasPassed(deadline));
  count(fault);
  return rpcStatusOf(fault);
}

/** The outermost of our own layers: maps errors, counts calls and errors, and logs one line for a failure that is ours. */
export const outcomeMiddleware: ServerMiddleware<object, { deadline: Date }> = async function* (call, context) {
  const { path } = call.method;
  if (!methods.has(path)) return yield* call.next(call.request, context);
  const http = methods.get(path)?.http;
  const labels = { method: http?.verb ?? 'GRPC', endpoint: http?.route ?? path };
  const started = performance.now();
  // A caller that leaves ends the generator without an error: that counts as cancelled.
  let code: Status = Status.CANCELLED;
  try {
    const answer = yield* call.next(call.request, context);
    code = Status.OK;
    return answer;
  } catch (error) {
    const fault = toFault(error, path, hasPassed(context.deadline));
    code = fault.code;
    count(fault);
    throw fault;
  } finally {
    apiRequests.inc({ ...labels, status: String(HTTP_STATUS[code] ?? 500) });
    apiRequestDuration.observe(labels, (performance.now() - started) / 1000);
  }
};
