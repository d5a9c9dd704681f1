import { sql } from 'drizzle-orm';
import type { Transaction } from './store.js';

/** What somebody said that a message is about. */
export interface Label {
  readonly tenant: string;
  /** `lbl_` and a UUID of version 7. */
  readonly id: string;
  readonly queryId: string;
  readonly labelSpace: string;
  readonly label: string;
  readonly source: 'feedback' | 'review';
  /** Random only for a review of a message that chance drew: who gives feedback, and on what, is never chance. */
  readonly drawn: 'random' | 'chosen';
  readonly labelledBy: string;
  readonly at: Date;
}

export async function insertLabel(
  tx: Transaction,
  { tenant, id, queryId, labelSpace, label, source, drawn, labelledBy, at }: Label,
): Promise<void> {
  await tx.execute(sql`
    insert into labels (tenant, id, query_id, label_space, label, source, drawn, labelled_by, created_at)
    values (${tenant}, ${id}, ${queryId}, ${labelSpace}, ${label}, ${source}, ${drawn}, ${labelledBy}, ${at.toISOString()})`);
}
