import { Status } from 'nice-grpc';
import { RichClientError } from 'nice-grpc-error-details';
import { ERROR_DOMAIN } from '../../lib/errors.js';

/** What is wrong with the request itself, so that sending it again will not help. */
const CALLERS_FAULT: ReadonlySet<Status> = new Set([
  Status.INVALID_ARGUMENT,
  Status.ALREADY_EXISTS,
  Status.FAILED_PRECONDITION,
  Status.OUT_OF_RANGE,
]);

/** Whether a service of ours has said no, with a reason of the catalogue, as against broken down or stayed silent. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof RichClientError && CALLERS_FAULT.has(error.code) && refusalReason(error) !== undefined;

/** The reason of the catalogue that a service of ours has given; undefined for any other error. */
export const refusalReason = (error: unknown): string | undefined =>
  error instanceof RichClientError
    ? error.extra.flatMap((detail) => (detail.$type === 'google.rpc.ErrorInfo' && detail.domain === ERROR_DOMAIN ? [detail.reason] : []))[0]
    : undefined;
