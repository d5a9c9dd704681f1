import { createHash } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { ProcessQueryRequest } from '../../gen/replymesh/v1/query_service.js';
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

/** @param requestId what makes the call safe to repeat, empty for nothing */
export function accept(request: ProcessQueryRequest, requestId: string): Accepted {
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
