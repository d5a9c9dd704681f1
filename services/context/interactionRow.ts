import { type SQL, sql } from 'drizzle-orm';
import { type Interaction, ResolutionStatus } from '../../gen/replymesh/type/v1/customer.js';
import { millis } from './store.js';

/** A line of a customer's history as `INTERACTION_COLUMNS` reads it. */
export interface InteractionRow {
  readonly id: string;
  readonly type: string;
  readonly summary: string;
  readonly status: string;
  readonly score: number | null;
  readonly at: number;
}

export const INTERACTION_COLUMNS: SQL = sql`
  id, interaction_type as type, summary, resolution_status as status, satisfaction_score as score, ${millis('created_at')} as at`;

export const interactionOf = (row: InteractionRow): Interaction => ({
  id: row.id,
  type: row.type,
  summary: row.summary,
  resolutionStatus: ResolutionStatus[row.status as keyof typeof ResolutionStatus],
  satisfactionScore: row.score ?? undefined,
  createTime: new Date(row.at),
});
