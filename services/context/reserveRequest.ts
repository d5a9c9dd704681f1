import { sql } from 'drizzle-orm';
import type {
  ContextServiceDefinition,
  ReserveRequestRequest,
  ReserveRequestResponse,
} from '../../gen/replymesh/context/v1/context_service.js';
import type { Handler } from '../../lib/server.js';
import { fail } from '../errors.js';
import type { ContentKeys } from './contentKeys.js';
import { KEY_OF_QUERY, openQuery, SEALED_RECORD, type SealedRecord } from './sealedQuery.js';
import { millis, rowsOf, type Store, type Transaction } from './store.js';

/** How long a request id gives its first answer. */
export const HONOURED_MS = 24 * 3_600_000;

export const reserveRequest =
  ({ store, keys, now }: { store: Store; keys: ContentKeys; now: () => Date }): Handler<ContextServiceDefinition, 'reserveRequest'> =>
  (request, call) =>
    store.within(call, async (tx) => {
      const { tenant } = call.principal;
      if (await claim(tx, tenant, request, now())) return { outcome: { $case: 'reserved', value: {} } };
      return whatBecameOfIt(keys, tenant, request, await readHolder(tx, request.requestId));
    });

/** Takes the request id when it is free: new, past its time, or left by a caller whose lease ended. Claiming again for the same query is the same claim. */
async function claim(tx: Transaction, tenant: string, request: ReserveRequestRequest, now: Date): Promise<boolean> {
  const leaseMs = (request.lease?.seconds ?? 0) * 1000 + (request.lease?.nanos ?? 0) / 1e6;
  const at = now.toISOString();
  const leaseUntil = new Date(now.getTime() + leaseMs).toISOString();
  const honouredUntil = new Date(now.getTime() + HONOURED_MS).toISOString();
  const rows = await rowsOf(
    tx,
    sql`
      insert into request_reservations as held (tenant, request_id, fingerprint, query_id, completed, lease_until, honoured_until)
      values (${tenant}, ${request.requestId}, ${request.fingerprint}, ${request.queryId}, false, ${leaseUntil}, ${honouredUntil})
      on conflict (tenant, request_id) do update
        set fingerprint = excluded.fingerprint, query_id = excluded.query_id, completed = false,
            lease_until = excluded.lease_until, honoured_until = excluded.honoured_until
        where held.honoured_until <= ${at}::timestamptz
           or (not held.completed and held.fingerprint = excluded.fingerprint
               and (held.lease_until <= ${at}::timestamptz or held.query_id = excluded.query_id))
      returning 1`,
  );
  return rows.length > 0;
}

interface Claim {
  readonly fingerprint: string;
  readonly completed: boolean;
  readonly lease_until: number;
}
/** Its record has an id only where there is one. */
type Holder = Claim & (SealedRecord | { readonly id: null });

/** A second statement, because the first one's snapshot does not see who won against it. */
async function readHolder(tx: Transaction, requestId: string): Promise<Holder | undefined> {
  const rows = await rowsOf<Holder>(
    tx,
    sql`
      select r.fingerprint, r.completed, ${millis('r.lease_until')} as lease_until, ${SEALED_RECORD}
      from request_reservations r left join queries q on q.id = r.query_id and r.completed
      ${KEY_OF_QUERY}
      where r.request_id = ${requestId}`,
  );
  return rows[0];
}

function whatBecameOfIt(
  keys: ContentKeys,
  tenant: string,
  request: ReserveRequestRequest,
  holder: Holder | undefined,
): ReserveRequestResponse {
  // The row went between the two statements, because its time was over: the caller's retry finds the id free.
  if (holder === undefined) return fail('STORE_UNREACHABLE', {});
  if (holder.fingerprint !== request.fingerprint && holder.fingerprint !== '')
    return fail('REQUEST_ID_REUSED', { request_id: request.requestId });
  const query = holder.id === null ? undefined : openQuery(keys, tenant, holder);
  if (query) return { outcome: { $case: 'completed', value: query } };
  return { outcome: { $case: 'inProgress', value: { expireTime: new Date(holder.lease_until) } } };
}
