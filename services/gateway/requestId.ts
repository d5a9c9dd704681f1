import type { Metadata } from 'nice-grpc';
import { v7 as uuidv7 } from 'uuid';
import { requireNone } from '../../lib/validation.js';

const IDEMPOTENCY_KEY = 'idempotency-key';
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;

/**
 * The id that makes a call safe to repeat: the request's own or the header's; empty when the caller gave none.
 * @throws Fault FIELD_VIOLATION when `request_id` and the header `Idempotency-Key` disagree, or the header is malformed
 */
export function requestIdOf({ requestId }: { readonly requestId: string }, metadata: Metadata): string {
  // The draft of the header (draft-ietf-httpapi-idempotency-key-header) makes it a quoted string; many clients send it bare.
  const key = metadata.get(IDEMPOTENCY_KEY)?.replace(/^"(.*)"$/, '$1') ?? '';
  if (key && !REQUEST_ID.test(key))
    requireNone([{ field: 'request_id', description: 'the header Idempotency-Key must be 1 to 128 letters, digits and ._:-' }]);
  if (key && requestId && key !== requestId) {
    requireNone([{ field: 'request_id', description: 'differs from the header Idempotency-Key; send one of them' }]);
  }
  return requestId || key;
}

/** A request that is passed on, with its id where it takes one. Without the caller's it gets a new one, so that it counts once though it is repeated on the way. */
export function withRequestId(request: object, metadata: Metadata): object {
  if (!('requestId' in request) || typeof request.requestId !== 'string') return request;
  return { ...request, requestId: requestIdOf({ requestId: request.requestId }, metadata) || uuidv7() };
}
