import { type ServerError, Status } from 'nice-grpc';
import { BadRequest, type ErrorDetails, ErrorInfo, RetryInfo, RichServerError } from 'nice-grpc-error-details';
import { Status as RpcStatus } from '../gen/google/rpc/status.js';

/** `ErrorInfo.domain` of every error of this product. */
export const ERROR_DOMAIN = 'replymesh';

/** An expected failure at start: its message says what to do. The process prints it and exits with 78 (EX_CONFIG, sysexits.h). */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** An error of the catalogue, ready for the wire: status code, one message, one `ErrorInfo` (AIP-193) and further details. */
export class Fault extends RichServerError {
  constructor(
    readonly reason: string,
    code: Status,
    message: string,
    metadata: Record<string, string>,
    details: ErrorDetails[] = [],
  ) {
    super(code, message, [ErrorInfo.fromPartial({ reason, domain: ERROR_DOMAIN, metadata }), ...details]);
  }
}

type MetaOf<S> = S extends { message: (meta: infer M) => string } ? M : never;

/**
 * Builds the functions that make (`fault`) and throw (`fail`) the errors of a catalogue. `message` gets the metadata that
 * `ErrorInfo` will carry: never customers' text, never secrets.
 */
export function defineErrors<S extends Record<string, { code: Status; message: (meta: never) => string }>>(specs: S) {
  const fault = <R extends keyof S & string>(reason: R, meta: MetaOf<S[R]>, details?: ErrorDetails[]): Fault => {
    const spec = specs[reason]!;
    const metadata = Object.fromEntries(Object.entries(meta as Record<string, string | number>).map(([k, v]) => [k, String(v)]));
    return new Fault(reason, spec.code, spec.message(meta as never), metadata, details);
  };
  const fail = <R extends keyof S & string>(reason: R, meta: MetaOf<S[R]>, details?: ErrorDetails[]): never => {
    throw fault(reason, meta, details);
  };
  return { specs, fault, fail };
}

/** The error as `google.rpc.Status`, for streams that report an error as a message. */
export function rpcStatusOf(error: ServerError): RpcStatus {
  const details = error instanceof RichServerError ? error.extra : [];
  return RpcStatus.fromPartial({
    code: error.code,
    message: error.details,
    details: details.flatMap((detail) => {
      const codec = detailCodecs.find((c) => c.$type === detail.$type);
      return codec ? [{ typeUrl: `type.googleapis.com/${codec.$type}`, value: Buffer.from(codec.encode(detail as never).finish()) }] : [];
    }),
  });
}
const detailCodecs = [ErrorInfo, BadRequest, RetryInfo];

/** Tells a caller when to come back. */
export const retryAfter = (delayMs: number): ErrorDetails =>
  RetryInfo.fromPartial({ retryDelay: { seconds: Math.floor(delayMs / 1000), nanos: Math.round((delayMs % 1000) * 1e6) } });

/** Reasons that the kit itself gives. */
export const kitErrors = {
  FIELD_VIOLATION: {
    code: Status.INVALID_ARGUMENT,
    message: (m: { fields: string }) =>
      `The request breaks the contract in: ${m.fields}. Each violation is described in the BadRequest detail.`,
  },
  INTERNAL_ERROR: {
    code: Status.INTERNAL,
    message: (m: { trace_id: string }) => `Something broke on our side. Report it with trace id ${m.trace_id}.`,
  },
  DEADLINE_PASSED: {
    code: Status.DEADLINE_EXCEEDED,
    message: (_: Record<never, string>) => 'The deadline passed before there was an answer. Retry with a longer one.',
  },
  CALL_CANCELLED: {
    code: Status.CANCELLED,
    message: (_: Record<never, string>) => 'The call was cancelled.',
  },
  SERVICE_UNREACHABLE: {
    code: Status.UNAVAILABLE,
    message: (m: { service: string }) => `The ${m.service} service does not answer. Retry in a moment.`,
  },
  SERVICE_DRAINING: {
    code: Status.UNAVAILABLE,
    message: (_: Record<never, string>) => 'This instance is shutting down. Retry: another one will answer.',
  },
  ROUTE_NOT_FOUND: {
    code: Status.NOT_FOUND,
    message: (_: Record<never, string>) => 'There is no such method or route. The routes are in docs/reference/api.md.',
  },
  MESSAGE_TOO_LARGE: {
    code: Status.RESOURCE_EXHAUSTED,
    message: (m: { max_bytes: number }) => `The message is larger than ${m.max_bytes} bytes. Send less at once.`,
  },
  TOKEN_MISSING: {
    code: Status.UNAUTHENTICATED,
    message: (_: Record<never, string>) => 'No token came with the call. Send the header "authorization: Bearer <token>".',
  },
  TOKEN_INVALID: {
    code: Status.UNAUTHENTICATED,
    message: (m: { problem: string }) => `The token is not valid: ${m.problem}. Get a new one.`,
  },
  TOKEN_FOREIGN: {
    code: Status.PERMISSION_DENIED,
    message: (m: { audience: string }) => `The token was made for another audience. This service takes tokens for "${m.audience}".`,
  },
  SCOPE_MISSING: {
    code: Status.PERMISSION_DENIED,
    message: (m: { scope: string }) => `The token does not hold the scope "${m.scope}". Get one that does.`,
  },
} satisfies Record<string, { code: Status; message: (meta: never) => string }>;

/** The kit's own errors; services extend them in `services/errors.ts`. */
export const { fault: kitFault, fail: kitFail } = defineErrors(kitErrors);
