import { type ClientMiddlewareCall, Status } from 'nice-grpc';
import { ErrorInfo, RetryInfo, RichClientError } from 'nice-grpc-error-details';
import { describe, expect, it } from 'vitest';
import { patienceMiddleware } from './patience.js';

const refusal = (seconds: number) =>
  new RichClientError('/a/b', Status.RESOURCE_EXHAUSTED, 'later', [RetryInfo.fromPartial({ retryDelay: { seconds, nanos: 1_000_000 } })]);
const broken = new RichClientError('/a/b', Status.UNAVAILABLE, 'away', [ErrorInfo.fromPartial({ reason: 'AWAY' })]);

/** What comes of a call that fails so before it is answered, and how often it was asked. */
async function asked(failures: readonly Error[], kind = { requestStream: false, responseStream: false }) {
  let times = 0;
  const call = {
    ...kind,
    request: {},
    next: () => ({
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          const failure = failures[times++];
          if (failure) throw failure;
          return { done: true, value: 'answer' };
        },
      }),
    }),
  } as unknown as ClientMiddlewareCall<object, string>;
  const answer = await patienceMiddleware(call, {})
    .next()
    .then(
      ({ value }) => value as string,
      (error: Error) => error.message,
    );
  return { answer, times };
}

describe('a command', () => {
  it('asks again what was refused for now', async () => {
    expect(await asked([refusal(0), refusal(0)])).toEqual({ answer: 'answer', times: 3 });
  });

  it.each([
    ['what failed otherwise', [broken], undefined],
    ['what would take too long', [refusal(61)], undefined],
    ['a stream, which may have begun', [refusal(0)], { requestStream: false, responseStream: true }],
  ])('does not repeat %s', async (_, failures, kind) => {
    expect(await asked(failures, kind)).toEqual({ answer: expect.stringContaining(failures[0]!.message), times: 1 });
  });
});
