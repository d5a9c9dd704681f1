import { setTimeout as wait } from 'node:timers/promises';
import type { ContextServiceDefinition } from '../../gen/replymesh/context/v1/context_service.js';
import type { Query } from '../../gen/replymesh/type/v1/decision.js';
import type { Call } from '../../lib/call.js';
import { isUnavailable, type MeshClient } from '../../lib/client.js';
import { retryAfter } from '../../lib/errors.js';
import { fail } from '../errors.js';
import type { Accepted } from './accept.js';
import type { Answering } from './answer.js';
import type { Spool } from './spool.js';

/** Runs `work` unless the request was answered before, here or by another gateway; then it returns that record. */
export type Once = (accepted: Accepted, call: Call, work: () => Answering) => Answering;

const POLL_MS = 100;
/** Time after the caller's deadline in which an answer may still be recorded. */
const LEASE_MARGIN_MS = 2000;

/**
 * At most one answer for each (tenant, request id): within this process by sharing the running one, across gateways by a claim in context.
 * Without context the claim is skipped; the record's own uniqueness then decides which answer stands.
 */
export function idempotency(context: MeshClient<typeof ContextServiceDefinition>, spool: Spool): Once {
  const running = new Map<string, { fingerprint: string; result: Promise<Query> }>();

  const claim = async (accepted: Accepted, call: Call): Promise<Query | undefined> => {
    for (;;) {
      const lease = call.deadline.getTime() - Date.now() + LEASE_MARGIN_MS;
      const { outcome } = await context.reserveRequest(
        {
          requestId: accepted.requestId,
          fingerprint: accepted.fingerprint,
          queryId: accepted.id,
          lease: { seconds: Math.max(1, Math.ceil(lease / 1000)), nanos: 0 },
        },
        { within: call },
      );
      if (outcome?.$case === 'completed') return outcome.value;
      if (outcome?.$case !== 'inProgress') return undefined;
      if (call.deadline.getTime() - Date.now() < 3 * POLL_MS)
        fail('REQUEST_IN_PROGRESS', { request_id: accepted.requestId }, [retryAfter(1000)]);
      await wait(POLL_MS, undefined, { signal: call.signal });
    }
  };

  const before = async (accepted: Accepted, call: Call): Promise<Query | undefined> => {
    const spooled = spool.byRequestId(call.principal.tenant, accepted.requestId);
    if (spooled) {
      if (spooled.request.fingerprint !== accepted.fingerprint) fail('REQUEST_ID_REUSED', { request_id: accepted.requestId });
      return spooled.request.query;
    }
    return claim(accepted, call).catch((error: unknown) => {
      if (call.signal.aborted || !isUnavailable(error)) throw error;
      return undefined;
    });
  };

  return async function* (accepted, call, work) {
    if (!accepted.requestId) return yield* work();
    const key = `${call.principal.tenant} ${accepted.requestId}`;
    const shared = running.get(key);
    if (shared) {
      if (shared.fingerprint !== accepted.fingerprint) fail('REQUEST_ID_REUSED', { request_id: accepted.requestId });
      return await untilAborted(shared.result, call.signal);
    }
    let settle: { resolve: (query: Query) => void; reject: (error: unknown) => void } | undefined;
    const result = new Promise<Query>((resolve, reject) => (settle = { resolve, reject }));
    result.catch(() => {});
    running.set(key, { fingerprint: accepted.fingerprint, result });
    try {
      const query = (await before(accepted, call)) ?? (yield* work());
      settle?.resolve(query);
      return query;
    } catch (error) {
      settle?.reject(error);
      throw error;
    } finally {
      running.delete(key);
      // A caller that leaves ends this generator without an error; those who share it start anew with their own retry.
      settle?.reject(new Error('the first caller left'));
    }
  };
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
