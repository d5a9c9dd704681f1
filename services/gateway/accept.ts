import { createHash } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { ProcessQueryRequest } from '../../gen/replymesh/v1/query_service.js';
import type { Call } from '../../lib/call.js';
import { requireNone } from '../../lib/validation.js';
import { type Masked, mask } from './mask.js';

/** A message that passed the door: limits kept, personal data masked. */
export interface Accepted {
  /** `qry_` and a UUID of version 7 (RFC 9562), so that ids sort by time. */
  readonly id: string;
  readonly acceptedAt: Date;
  readonly masked: Masked;
  readonly request: ProcessQueryRequest;
  /** Empty when the caller gave none. */
  readonly requestId: string;
  /** SHA-256 of what was asked: the same request id must come with the same. */
  readonly fingerprint: string;
}

const IDEMPOTENCY_KEY = 'idempotency-key';
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;

/** @throws Fault FIELD_VIOLATION when `request_id` and the header `Idempotency-Key` disagree, or the header is malformed */
export function accept(request: ProcessQueryRequest, call: Pick<Call, 'metadata'>): Accepted {
  const requestId = requestIdOf(request, call.metadata.get(IDEMPOTENCY_KEY));
  const { requestId: _, ...asked } = request;
  return {
    id: `qry_${uuidv7()}`,
    acceptedAt: new Date(),
    // One spelling for each character (Unicode NFC), so that models and cache see the same text.
    masked: mask(request.text.normalize('NFC').trim()),
    request,
    requestId,
    fingerprint: createHash('sha256').update(JSON.stringify(asked)).digest('hex'),
  };
}

function requestIdOf(request: ProcessQueryRequest, header: string | undefined): string {
  // The draft of the header (draft-ietf-httpapi-idempotency-key-header) makes it a quoted string; many clients send it bare.
  const key = header?.replace(/^"(.*)"$/, '$1') ?? '';
  if (key && !REQUEST_ID.test(key))
    requireNone([{ field: 'request_id', description: 'the header Idempotency-Key must be 1 to 128 letters, digits and ._:-' }]);
  if (key && request.requestId && key !== request.requestId) {
    requireNone([{ field: 'request_id', description: 'differs from the header Idempotency-Key; send one of them' }]);
  }
  return request.requestId || key;
}
