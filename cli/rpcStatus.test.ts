import fc from 'fast-check';
import { Status } from 'nice-grpc';
import { BadRequest, ErrorInfo, RichClientError } from 'nice-grpc-error-details';
import { describe, expect, it } from 'vitest';
import { failureOf, statusOfError, statusOfJson } from './rpcStatus.js';

const violations = [{ field: 'text', description: 'must be at least 1 character' }];
const asJson = {
  code: 3,
  message: 'The request breaks the contract in: text.',
  details: [
    { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'FIELD_VIOLATION', domain: 'replymesh' },
    { '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: violations },
  ],
};

describe('an error of the mesh', () => {
  it('reads the same over REST and over gRPC', () => {
    const overGrpc = new RichClientError('/x/Y', Status.INVALID_ARGUMENT, asJson.message, [
      ErrorInfo.fromPartial({ reason: 'FIELD_VIOLATION', domain: 'replymesh' }),
      BadRequest.fromPartial({ fieldViolations: violations }),
    ]);
    expect(statusOfError(overGrpc)).toEqual({
      message: asJson.message,
      reason: 'FIELD_VIOLATION',
      violations: [expect.objectContaining(violations[0]!)],
    });
    expect(statusOfJson(asJson)).toEqual({ message: asJson.message, reason: 'FIELD_VIOLATION', violations });
  });

  it('names every field that is wrong', () => {
    expect(failureOf(statusOfJson(asJson)!).message).toBe(
      'The request breaks the contract in: text.\n  text: must be at least 1 character',
    );
  });

  it.each(['TOKEN_INVALID', 'TOKEN_FOREIGN'])('%s tells where the right key may be', (reason) => {
    expect(failureOf({ message: 'No.', reason, violations: [] }).message).toContain('REPLYMESH_DATA_DIR');
  });

  it('of another kind gets no cure for tokens', () => {
    expect(failureOf({ message: 'No.', reason: 'RATE_LIMITED', violations: [] }).message).toBe('No.');
  });
});

describe('what somebody else answers', () => {
  it('is not taken for an error of the mesh', () => {
    for (const json of [undefined, null, [], 'no', { error: 'not found' }, { code: '404', message: 'x' }, { code: 404 }])
      expect(statusOfJson(json)).toBeUndefined();
  });

  it('never breaks the command, whatever JSON it is', () => {
    const detail = fc.oneof(
      fc.jsonValue(),
      fc.record({ '@type': fc.jsonValue(), reason: fc.jsonValue(), fieldViolations: fc.jsonValue() }),
    );
    const status = fc.record({ code: fc.integer(), message: fc.string(), details: fc.oneof(fc.jsonValue(), fc.array(detail)) });
    fc.assert(
      fc.property(status, (json) => {
        expect(typeof failureOf(statusOfJson(json)!).message).toBe('string');
      }),
    );
  });
});
