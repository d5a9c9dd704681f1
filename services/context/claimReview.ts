import { sql } from 'drizzle-orm';
import type { ReviewServiceDefinition } from '../../gen/replymesh/v1/review_service.js';
import { retryAfter } from '../../lib/errors.js';
import type { Handler } from '../../lib/server.js';
import { fail } from '../errors.js';
import type { ContentKeys } from './contentKeys.js';
import { readReview } from './getReview.js';
import { openReview, type ReviewRow } from './reviewRow.js';
import { rowsOf, type Store } from './store.js';

const DEFAULT_LEASE_MS = 15 * 60_000;

export const claimReview =
  ({ store, keys, now }: { store: Store; keys: ContentKeys; now: () => Date }): Handler<ReviewServiceDefinition, 'claimReview'> =>
  async ({ queryId, lease }, call) => {
    const { tenant, subject } = call.principal;
    const at = now();
    const until = new Date(at.getTime() + (lease ? lease.seconds * 1000 + lease.nanos / 1e6 : DEFAULT_LEASE_MS));
    const { taken, row } = await store.within(call, async (tx) => {
      // One statement, so that of two who claim at once one gets it.
      const claimed = await rowsOf(
        tx,
        sql`
          update reviews set claimed_by = ${subject}, claimed_until = ${until.toISOString()}
          where query_id = ${queryId} and outcome is null
            and (claimed_by = ${subject} or claimed_until is null or claimed_until <= ${at.toISOString()}::timestamptz)
          returning 1`,
      );
      return { taken: claimed.length > 0, row: await readReview(tx, queryId) };
    });
    const review = row && openReview(keys, tenant, row);
    if (!row || !review) return fail('REVIEW_NOT_FOUND', { id: queryId });
    if (taken) return { review };
    return row.outcome === null ? refuseClaimed(row, at) : fail('REVIEW_RESOLVED', { id: queryId });
  };

/** @throws Fault REVIEW_CLAIMED */
export const refuseClaimed = ({ query_id, claimed_by, claimed_until }: ReviewRow, at: Date): never =>
  fail('REVIEW_CLAIMED', { id: query_id, by: claimed_by }, [retryAfter(Math.max(1000, (claimed_until ?? 0) - at.getTime()))]);
