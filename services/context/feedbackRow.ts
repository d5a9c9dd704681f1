import { type SQL, sql } from 'drizzle-orm';
import type { Feedback } from '../../gen/replymesh/v1/feedback_service.js';
import { millis } from './store.js';

/** Feedback as `FEEDBACK_COLUMNS` reads it. */
export interface FeedbackRow {
  readonly id: string;
  readonly query_id: string;
  readonly satisfaction: number | null;
  readonly resolved: boolean | null;
  readonly corrected_intent: string;
  readonly created_at: number;
}

export const FEEDBACK_COLUMNS: SQL = sql`id, query_id, satisfaction, resolved, corrected_intent, ${millis('created_at')} as created_at`;

export const feedbackOf = (row: FeedbackRow): Feedback => ({
  id: row.id,
  queryId: row.query_id,
  satisfaction: row.satisfaction ?? undefined,
  resolved: row.resolved ?? undefined,
  correctedIntent: row.corrected_intent,
  createTime: new Date(row.created_at),
});
