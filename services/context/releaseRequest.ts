import { sql } from 'drizzle-orm';
import type { ContextServiceDefinition } from '../../gen/replymesh/context/v1/context_service.js';
import type { Handler } from '../../lib/server.js';
import type { Store } from './store.js';

/** A claim that a record came of stays: it is what a retry finds. */
export const releaseRequest =
  ({ store }: { store: Store }): Handler<ContextServiceDefinition, 'releaseRequest'> =>
  async ({ requestId, queryId }, call) => {
    await store.within(call, (tx) =>
      tx.execute(sql`delete from request_reservations where request_id = ${requestId} and query_id = ${queryId} and not completed`),
    );
    return {};
  };
