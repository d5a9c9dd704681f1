import { type SQL, sql } from 'drizzle-orm';
import { Action, type Query } from '../../gen/replymesh/type/v1/decision.js';
import { Draw, type Review, ReviewOutcome } from '../../gen/replymesh/v1/review_service.js';
import type { ContentKey, ContentKeys } from './contentKeys.js';
import { drawOf, informationOf, rankOf } from './reviewDraw.js';
import { openQuery, SEALED_RECORD, type SealedRecord } from './sealedQuery.js';
import { millis } from './store.js';

/** A review as `REVIEW_COLUMNS` reads it. */
export interface ReviewRow {
  readonly query_id: string;
  readonly rank: number;
  readonly information: number;
  readonly drawn: 'random' | 'chosen';
  readonly claimed_by: string;
  readonly claimed_until: number | null;
  readonly outcome: keyof typeof ReviewOutcome | null;
  readonly label: string;
  readonly edited_reply: Uint8Array | null;
  readonly request_id: string;
  readonly resolved_by: string;
  readonly resolved_at: number | null;
  readonly created_at: number;
}
/** The same beside the message that it is about. */
export type ReviewOfQuery = ReviewRow &
  Omit<SealedRecord, 'record'> & {
    /** Null when the message is gone, and its review not yet. */
    readonly record: Uint8Array | null;
  };

/** Of the review `r`. */
export const REVIEW_COLUMNS: SQL = sql`
  r.query_id, r.rank, r.information, r.drawn, r.claimed_by, ${millis('r.claimed_until')} as claimed_until, r.outcome, r.label, r.edited_reply, r.request_id,
  r.resolved_by, ${millis('r.resolved_at')} as resolved_at, ${millis('r.created_at')} as created_at`;

/**
 * Reviews `r`, from a table or a subquery, each with its message and the key: by both parts of the key, so that one partition is read. Lateral, so that
 * each is looked up by itself: where the tables' statistics are old, a plain join reads all messages for each review.
 */
export const reviewsOfQueries = (reviews: SQL): SQL => sql`
  ${reviews}
  left join lateral (select * from queries m where m.tenant = r.tenant and m.id = r.query_id and m.created_at = r.created_at limit 1) q on true
  left join lateral (select * from customer_keys c where c.tenant = q.tenant and c.customer_id = q.customer_id limit 1) k on true`;
export const REVIEW_OF_QUERY: SQL = sql`${REVIEW_COLUMNS}, ${SEALED_RECORD}`;

/** Where an edited reply is sealed. */
const EDITED_REPLY = 'reviews.edited_reply';
export const sealEditedReply = (key: ContentKey, queryId: string, text: string): Buffer =>
  key.seal(EDITED_REPLY, queryId, Buffer.from(text));

/** Columns of the review that a new decision brings, as Postgres reads them from JSON; null when no person has to look. */
export function newReview(query: Query, rate: number): Readonly<Record<string, unknown>> | null {
  const drawn = drawOf(query, rate);
  if (!drawn) return null;
  const { decision } = query;
  const action = Action[decision?.action ?? 0] ?? Action[0];
  return {
    ...{ query_id: query.id, action, rank: rankOf(decision), information: informationOf(decision?.uncertainty), drawn },
    ...{ claimed_by: '', label: '', request_id: '', resolved_by: '' },
  };
}

/** Its query is left to the caller. @param key of the customer; undefined when it is gone */
export const reviewOf = (row: ReviewRow, key: ContentKey | undefined): Review => ({
  query: undefined,
  draw: row.drawn === 'random' ? Draw.RANDOM : Draw.CHOSEN,
  information: row.information,
  claimedBy: row.claimed_by,
  claimExpireTime: row.claimed_until === null ? undefined : new Date(row.claimed_until),
  outcome: ReviewOutcome[row.outcome ?? 'UNSPECIFIED'],
  editedReply: row.edited_reply && key ? key.open(EDITED_REPLY, row.query_id, row.edited_reply).toString() : '',
  label: row.label,
  resolvedBy: row.resolved_by,
  resolveTime: row.resolved_at === null ? undefined : new Date(row.resolved_at),
});

/** A review with its message; undefined when nobody can read that any more. */
export function openReview(keys: ContentKeys, tenant: string, row: ReviewOfQuery): (Review & { query: Query }) | undefined {
  const { record } = row;
  const query = record === null ? undefined : openQuery(keys, tenant, { ...row, record });
  return query && { ...reviewOf(row, keys.read(tenant, row.customer_id, row.wrapped_key)), query };
}
