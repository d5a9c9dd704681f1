import { type SQL, sql } from 'drizzle-orm';
import { Action } from '../../gen/replymesh/type/v1/decision.js';
import { Draw, type ListReviewsRequest, ReviewOrder, type ReviewServiceDefinition } from '../../gen/replymesh/v1/review_service.js';
import type { Handler } from '../../lib/server.js';
import { fail } from '../errors.js';
import type { ContentKeys } from './contentKeys.js';
import { howManyFit } from './listQueries.js';
import { isTime, keyOf, type PageScope, pageTokenOf } from './pageToken.js';
import { openReview, REVIEW_OF_QUERY, type ReviewOfQuery, reviewsOfQueries } from './reviewRow.js';
import { rowsOf, type Store } from './store.js';

const DEFAULT_PAGE_SIZE = 50;
const NOTHING = Buffer.alloc(0);

/** One way through the queue: how it is sorted, and what a page token says of a row. */
interface Order {
  /** Of a table or subquery called `r`. */
  readonly sorted: SQL;
  readonly keyOf: (row: ReviewOfQuery) => (string | number)[];
  /** Undefined for a key that no row of this order has. */
  readonly after: (key: readonly (string | number)[]) => SQL | undefined;
}

const URGENCY: Order = {
  sorted: sql`r.rank, r.created_at, r.query_id`,
  keyOf: (row) => [row.rank, row.created_at, row.query_id],
  after: ([rank, createdAt, id, ...more]) =>
    Number.isInteger(rank) && Math.abs(rank as number) < 2 ** 31 && isTime(createdAt) && typeof id === 'string' && more.length === 0
      ? sql`(r.rank, r.created_at, r.query_id) > (${rank}::integer, ${new Date(createdAt).toISOString()}::timestamptz, ${id})`
      : undefined,
};
const INFORMATION: Order = {
  sorted: sql`r.information desc, r.query_id desc`,
  keyOf: (row) => [row.information, row.query_id],
  after: ([information, id, ...more]) =>
    typeof information === 'number' && typeof id === 'string' && more.length === 0
      ? sql`(r.information, r.query_id) < (${information}::float8, ${id})`
      : undefined,
};

export const listReviews =
  ({ store, keys, now }: { store: Store; keys: ContentKeys; now: () => Date }): Handler<ReviewServiceDefinition, 'listReviews'> =>
  async (request, call) => {
    const { tenant, subject } = call.principal;
    const pageSize = request.pageSize || DEFAULT_PAGE_SIZE;
    const order = request.order === ReviewOrder.INFORMATION ? INFORMATION : URGENCY;
    const scope = scopeOf(tenant, request);
    const after =
      request.pageToken === '' ? sql`true` : (order.after(keyOf(scope, request.pageToken) ?? []) ?? fail('PAGE_TOKEN_INVALID', {}));
    const conditions = sql.join([...conditionsOf(request, subject, now()), after], sql` and `);
    const rows = await store.within(call, (tx) =>
      rowsOf<ReviewOfQuery>(
        tx,
        // Joined after the limit, so that no plan can read more.
        sql`
          select ${REVIEW_OF_QUERY} from ${reviewsOfQueries(
            sql`(select r.* from reviews r where ${conditions} order by ${order.sorted} limit ${pageSize + 1}) r`,
          )} order by ${order.sorted}`,
      ),
    );
    // One whose message is gone has its place all the same: without it a page would look like the last one.
    const page = rows.slice(0, howManyFit(rows.slice(0, pageSize).map(({ record }) => ({ record: record ?? NOTHING }))));
    const last = page.at(-1);
    return {
      reviews: page.flatMap((row) => openReview(keys, tenant, row) ?? []),
      nextPageToken: last && rows.length > page.length ? pageTokenOf(scope, order.keyOf(last)) : '',
    };
  };

const scopeOf = (tenant: string, { labelSpace, action, draw, unclaimed, order }: ListReviewsRequest): PageScope => ({
  tenant,
  list: 'reviews',
  filter: {
    space: labelSpace,
    action,
    draw,
    unclaimed: Number(unclaimed),
    order: order === ReviewOrder.INFORMATION ? 'information' : 'urgency',
  },
});

const conditionsOf = ({ labelSpace, action, draw, unclaimed }: ListReviewsRequest, subject: string, now: Date): SQL[] => [
  sql`r.outcome is null`,
  ...(labelSpace === '' ? [] : [sql`r.label_space = ${labelSpace}`]),
  ...(action === Action.UNSPECIFIED ? [] : [sql`r.action = ${Action[action]}`]),
  ...(draw === Draw.UNSPECIFIED ? [] : [sql`r.drawn = ${draw === Draw.RANDOM ? 'random' : 'chosen'}`]),
  ...(unclaimed
    ? [sql`(r.claimed_by = ${subject} or r.claimed_until is null or r.claimed_until <= ${now.toISOString()}::timestamptz)`]
    : []),
];
