import type { ContextServiceDefinition, RecordDecisionRequest } from '../../gen/replymesh/context/v1/context_service.js';
import { Degradation, type Query } from '../../gen/replymesh/type/v1/decision.js';
import { background, type Principal } from '../../lib/call.js';
import type { MeshClient } from '../../lib/client.js';
import { log } from '../../lib/log.js';
import { fail } from '../errors.js';
import { isRefusal } from './refusal.js';
import type { Delivered, Spool } from './spool.js';
import type { Spooled } from './spoolEntries.js';

type Records = Pick<MeshClient<ContextServiceDefinition>, 'recordDecision'>;

/** Stores a record in context, or on disk until context takes it. Returns the record that stands. */
export type Record = (recorded: Recorded, principal: Principal, deadline: Date) => Promise<Query>;
export type Recorded = RecordDecisionRequest & { readonly query: Query };

/** Time that storing gets even when the caller's deadline is near: the answer is written, and a retry would cost more. */
const LEAST_MS = 100;
const MOST_MS = 1500;
/** The rest of the time left is for spooling and the way back. */
const SHARE = 0.6;
const DELIVERY_TIMEOUT_MS = 5000;

/** Nothing accepted may be lost: whatever else goes wrong in context than a refusal, the record goes to the spool. */
export function recorder(context: Records, spool: Pick<Spool, 'put'>): Record {
  return async (request, principal, deadline) => {
    const { query } = request;
    const timeoutMs = Math.min(MOST_MS, Math.max(LEAST_MS, (deadline.getTime() - Date.now()) * SHARE));
    try {
      // Not tied to the caller's signal: what was answered is kept even if the caller has left.
      const stored = await context.recordDecision(request, {
        within: { ...background({ tenant: principal.tenant, timeoutMs }), principal },
      });
      return stored.query ?? query;
    } catch (error) {
      if (isRefusal(error)) throw error;
      log.warn({ error, query_id: query.id }, 'context did not take a record: it waits on disk');
    }
    const decision = query.decision!;
    const spooled: Query = { ...query, decision: { ...decision, degraded: [...decision.degraded, Degradation.RECORD_SPOOLED] } };
    await spool.put({ tenant: principal.tenant, request: { ...request, query: spooled } }).catch((error: unknown) => {
      log.error({ error, query_id: query.id }, 'the spool cannot take a record');
      fail('QUERY_NOT_ACCEPTED', {});
    });
    return spooled;
  };
}

/** Hands a spooled record to context. Idempotent by the query's id. */
export function delivery(context: Records): (entry: Spooled) => Promise<Delivered> {
  return async ({ tenant, request }) => {
    try {
      await context.recordDecision(request, { within: background({ tenant, timeoutMs: DELIVERY_TIMEOUT_MS }) });
      return 'stored';
    } catch (error) {
      if (!isRefusal(error)) return 'later';
      log.error({ error, query_id: request.query?.id }, 'context refused a spooled record');
      return 'refused';
    }
  };
}
