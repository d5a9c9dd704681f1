import { setTimeout as wait } from 'node:timers/promises';
import { ClientError, Status } from 'nice-grpc';
import { RichClientError } from 'nice-grpc-error-details';
import { describe, expect, it } from 'vitest';
import type { ReserveRequestResponse } from '../../gen/replymesh/context/v1/context_service.js';
import { Query } from '../../gen/replymesh/type/v1/decision.js';
import { ProcessQueryRequest } from '../../gen/replymesh/v1/query_service.js';
import { background } from '../../lib/call.js';
import { type Accepted, accept } from './accept.js';
import { afterwards } from './afterwards.js';
import { idempotency } from './once.js';

const asked = (text = 'Where is my refund?'): Accepted => accept(ProcessQueryRequest.fromPartial({ text }), 'r-1');
const recordOf = ({ id }: Accepted): Query => Query.fromPartial({ id, createTime: new Date(0), decision: {} });
const caller = (signal?: AbortSignal) => background({ tenant: 'demo', timeoutMs: 10_000, ...(signal ? { signal } : {}) });

/** Context as far as claims go: one holder for the one request id. */
function claims(answerTo: (queryId: string) => Promise<void> = async () => {}) {
  const state = { holder: '', released: [] as string[] };
  const once = idempotency(
    {
      reserveRequest: async ({ queryId = '' }): Promise<ReserveRequestResponse> => {
        if (state.holder && state.holder !== queryId) return { outcome: { $case: 'inProgress', value: { expireTime: new Date() } } };
        state.holder = queryId;
        await answerTo(queryId);
        return { outcome: { $case: 'reserved', value: {} } };
      },
      releaseRequest: async ({ queryId = '' }) => {
        state.released.push(queryId);
        if (state.holder === queryId) state.holder = '';
        return {};
      },
    },
    { byRequestId: () => undefined },
    afterwards(),
  );
  return { state, once };
}

describe('a claim', () => {
  it('is given back when no record came of it, so that a retry is answered at once', async () => {
    const { state, once } = claims();
    const first = asked();
    const broken = once(first, caller(), async () => {
      throw new Error('broken');
    });
    await expect(broken).rejects.toThrow('broken');
    await expect.poll(() => state.released).toEqual([first.id]);
    const retry = asked();
    expect((await once(retry, caller(), async () => recordOf(retry))).id).toBe(retry.id);
  });

  it('whose answer did not come is given back too', async () => {
    const leave = new AbortController();
    const { state, once } = claims(async () => {
      leave.abort();
      throw new ClientError('/replymesh.context.v1.ContextService/ReserveRequest', Status.CANCELLED, '');
    });
    const first = asked();
    await expect(once(first, caller(leave.signal), async () => recordOf(first))).rejects.toThrow();
    await expect.poll(() => state.released).toEqual([first.id]);
  });

  it('stays when there is a record', async () => {
    const { state, once } = claims();
    const first = asked();
    await once(first, caller(), async () => recordOf(first));
    expect(state).toEqual({ holder: first.id, released: [] });
  });

  it('is waited for no longer than the caller waits', async () => {
    const { state, once } = claims();
    state.holder = 'another';
    const error = await once(asked(), background({ tenant: 'demo', timeoutMs: 400 }), async () => expect.unreachable()).catch((e) => e);
    expect(error.reason).toBe('REQUEST_IN_PROGRESS');
  });
});

describe('callers who share a request', () => {
  it('are answered by one of them when the first one leaves', async () => {
    const { once } = claims();
    const leave = new AbortController();
    const first = asked();
    const left = once(first, caller(leave.signal), async () => {
      await wait(60_000, undefined, { signal: leave.signal });
      return recordOf(first);
    });
    let answered = 0;
    const others = Array.from({ length: 5 }, () => {
      const own = asked();
      return once(own, caller(), async () => {
        answered += 1;
        return recordOf(own);
      });
    });
    leave.abort();
    await expect(left).rejects.toThrow();
    const records = await Promise.all(others);
    expect(new Set(records.map((r) => r.id)).size).toBe(1);
    expect(records[0]?.id).not.toBe(first.id);
    expect(answered).toBe(1);
  });

  it('leave alone what the others wait for', async () => {
    const { once } = claims();
    const first = asked();
    let finish = (): void => {};
    const answer = once(first, caller(), () => new Promise((resolve) => (finish = () => resolve(recordOf(first)))));
    const leave = new AbortController();
    const other = once(asked(), caller(leave.signal), async () => expect.unreachable());
    leave.abort();
    await expect(other).rejects.toThrow();
    finish();
    expect((await answer).id).toBe(first.id);
  });

  it('are refused when they ask something else', async () => {
    const { once } = claims();
    const first = asked();
    const answer = once(first, caller(), async () => recordOf(first));
    const error = await once(asked('Cancel my order'), caller(), async () => expect.unreachable()).catch((e) => e);
    expect(error.reason).toBe('REQUEST_ID_REUSED');
    await answer;
  });
});

it('without context a request is answered all the same', async () => {
  const { once } = claims(async () => {
    throw new RichClientError('/replymesh.context.v1.ContextService/ReserveRequest', Status.UNAVAILABLE, '', []);
  });
  const first = asked();
  expect((await once(first, caller(), async () => recordOf(first))).id).toBe(first.id);
});
