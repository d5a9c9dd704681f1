import { sql } from 'drizzle-orm';
import type { ContentKey } from './contentKeys.js';
import { rowsOf, type Transaction } from './store.js';

/** By these the audit log says that somebody gave feedback. */
export const FEEDBACK_GIVEN = 'feedback.given';
const COLUMN = 'audit_log.payload';

/** A corrected intent as it was written: any words, so that it stands in the log alone, where only the customer's key opens it. */
export const sealWords = (key: ContentKey, feedbackId: string, words: string): Uint8Array =>
  key.seal(COLUMN, feedbackId, Buffer.from(words));

/** The words of feedback on these queries of one customer, by the feedback's id; undefined where it has none, or nobody can read them any more. */
export async function readSaidWords(
  tx: Transaction,
  queryIds: readonly string[],
  key: ContentKey | undefined,
): Promise<(feedbackId: string) => string | undefined> {
  if (!key) return () => undefined;
  const rows = await rowsOf<{ id: string; payload: Uint8Array }>(
    tx,
    sql`
      select detail->>'feedback_id' as id, payload from audit_log
      where subject = any(array(select jsonb_array_elements_text(${JSON.stringify(queryIds)}::jsonb))) and action = ${FEEDBACK_GIVEN} and payload is not null`,
  );
  const sealed = new Map(rows.map(({ id, payload }) => [id, payload]));
  return (id) => {
    const payload = sealed.get(id);
    return payload && key.open(COLUMN, id, payload).toString();
  };
}
