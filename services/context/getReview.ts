import { sql } from 'drizzle-orm';
import type { ReviewServiceDefinition } from '../../gen/replymesh/v1/review_service.js';
import type { Handler } from '../../lib/server.js';
import { fail } from '../errors.js';
import type { ContentKeys } from './contentKeys.js';
import { openReview, REVIEW_OF_QUERY, type ReviewOfQuery, reviewsOfQueries } from './reviewRow.js';
import { rowsOf, type Store, type Transaction } from './store.js';

export const getReview =
  ({ store, keys }: { store: Store; keys: ContentKeys }): Handler<ReviewServiceDefinition, 'getReview'> =>
  async ({ queryId }, call) => {
    const row = await store.within(call, (tx) => readReview(tx, queryId));
    const review = row && openReview(keys, call.principal.tenant, row);
    return review ? { review } : fail('REVIEW_NOT_FOUND', { id: queryId });
  };

export async function readReview(tx: Transaction, queryId: string): Promise<ReviewOfQuery | undefined> {
  const [row] = await rowsOf<ReviewOfQuery>(
    tx,
    sql`select ${REVIEW_OF_QUERY} from ${reviewsOfQueries(sql`reviews r`)} where r.query_id = ${queryId}`,
  );
  return row;
}
