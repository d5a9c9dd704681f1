import { setTimeout as wait } from 'node:timers/promises';
import { abortable } from 'abort-controller-x';
import type { ContextServiceDefinition } from '../../gen/replymesh/context/v1/context_service.js';
import type { Query } from '../../gen/replymesh/type/v1/decision.js';
import { background, type Within } from '../../lib/call.js';
import { isUnavailable, type MeshClient } from '../../lib/client.js';
import { retryAfter } from '../../lib/errors.js';
import { fail } from '../errors.js';
import type { Accepted } from './accept.js';
import type { Afterwards } from './afterwards.js';
import { share } from './share.js';
import type { Spool } from './spool.js';

/** Runs `work` unless the request was answered before, here or by another gateway; then it returns that record. */
export type Once = (accepted: Accepted, within: Within, work: () => Promise<Query>) => Promise<Query>;

type Claims = Pick<MeshClient<ContextServiceDefinition>, 'reserveRequest' | 'releaseRequest'>;

const POLL_MS = 100;
/** Share of the time left that one question to context may take. */
const CLAIM_SHARE = 0.2;
/** Time after the caller's deadline in which an answer may still be recorded. */
const LEASE_MARGIN_MS = 2000;
const RELEASE_TIMEOUT_MS = 1500;

/**
 * At most one answer for each (tenant, request id): within this process by sharing the running one, across gateways by a claim in context.
 * Without context the claim is skipped; the record's own uniqueness then decides which answer stands.
 */
export function idempotency(context: Claims, spool: Pick<Spool, 'byRequestId'>, afterwards: Afterwards): Once {
  /** `record` is absent when the work ended without one. */
  const running = new Map<string, { fingerprint: string; record: Promise<Query | undefined> }>();

  const answerOnce: Once = async (accepted, within, work) => {
    const spooled = spool.byRequestId(within.principal.tenant, accepted.requestId);
    if (spooled) {
      requireSame(accepted, spooled.request.fingerprint);
      return spooled.request.query!;
    }
    try {
      return (await claim(context, accepted, within)) ?? (await work());
    } catch (error) {
      // A claim may have reached context though its answer did not reach us; a retry should not have to wait for the end of its lease.
      afterwards.add(release(context, accepted, within));
      throw error;
    }
  };

  return async (accepted, within, work) => {
    if (!accepted.requestId) return work();
    const key = `${within.principal.tenant} ${accepted.requestId}`;
    // Those who shared work that ended without a record, perhaps because its caller left, do it themselves: one of them, and the others share again.
    for (let shared = running.get(key); shared; shared = running.get(key)) {
      requireSame(accepted, shared.fingerprint);
      const record = await abortable(within.signal, shared.record);
      if (record) return record;
    }
    const answering = answerOnce(accepted, within, work).finally(() => running.delete(key));
    running.set(key, { fingerprint: accepted.fingerprint, record: answering.catch(() => undefined) });
    return answering;
  };
}

function requireSame(accepted: Accepted, fingerprint: string): void {
  if (accepted.fingerprint !== fingerprint) fail('REQUEST_ID_REUSED', { request_id: accepted.requestId });
}

/** Waits until the request id is ours, or is answered; undefined when the answer is ours to give. */
async function claim(context: Claims, accepted: Accepted, within: Within): Promise<Query | undefined> {
  for (;;) {
    const outcome = await reserve(context, accepted, within);
    if (outcome?.$case === 'completed') return outcome.value;
    if (outcome?.$case !== 'inProgress') return undefined;
    if (within.deadline.getTime() - Date.now() < 3 * POLL_MS)
      fail('REQUEST_IN_PROGRESS', { request_id: accepted.requestId }, [retryAfter(1000)]);
    await wait(POLL_MS, undefined, { signal: within.signal });
  }
}

async function reserve(context: Claims, accepted: Accepted, within: Within) {
  const leaseMs = within.deadline.getTime() - Date.now() + LEASE_MARGIN_MS;
  const request = {
    requestId: accepted.requestId,
    fingerprint: accepted.fingerprint,
    queryId: accepted.id,
    lease: { seconds: Math.max(1, Math.ceil(leaseMs / 1000)), nanos: 0 },
  };
  try {
    return (await context.reserveRequest(request, { within: share(within, CLAIM_SHARE) })).outcome;
  } catch (error) {
    if (within.signal.aborted || !isUnavailable(error)) throw error;
    return undefined;
  }
}

const release = (context: Claims, { requestId, id }: Accepted, { principal }: Within): Promise<unknown> =>
  context.releaseRequest(
    { requestId, queryId: id },
    { within: { ...background({ tenant: principal.tenant, timeoutMs: RELEASE_TIMEOUT_MS }), principal } },
  );
