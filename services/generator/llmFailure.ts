import { APIConnectionError, APIError } from 'openai';

/** Why the language model gave no reply, or no whole one. */
export type LlmFailureKind =
  | 'BUSY' // as many calls run as may
  | 'BREAKER_OPEN'
  | 'UNREACHABLE'
  | 'REFUSED' // an HTTP error, or an error event
  | 'SILENT' // nothing for the idle time
  | 'TOO_SLOW' // the total time or the caller's deadline ended
  | 'CUT' // the stream ended without a finish reason
  | 'MALFORMED'
  | 'CANCELLED'; // the caller left

/** A failed call of the language model. Holds no text of the endpoint, which may repeat the prompt. */
export class LlmFailure extends Error {
  override readonly name = 'LlmFailure';
  /** @param counts whether it says that the endpoint is in trouble, so that the breaker counts it */
  constructor(
    readonly kind: LlmFailureKind,
    readonly counts: boolean,
    readonly httpStatus?: number,
  ) {
    super(`The language model failed: ${kind}${httpStatus === undefined ? '' : ` (HTTP ${httpStatus})`}.`);
  }
}

/** What the openai SDK, or fetch below it, threw. */
export function failureOf(error: unknown): LlmFailure {
  if (error instanceof LlmFailure) return error;
  if (error instanceof APIConnectionError) return new LlmFailure('UNREACHABLE', true);
  if (error instanceof APIError) return new LlmFailure('REFUSED', true, error.status);
  if (error instanceof SyntaxError) return new LlmFailure('MALFORMED', true);
  return new LlmFailure('CUT', true);
}
