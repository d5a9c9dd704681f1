import { createHash } from 'node:crypto';
import { type SQL, sql } from 'drizzle-orm';
import { type Interaction, ResolutionStatus } from '../../gen/replymesh/type/v1/customer.js';
import type { ContentKey, ContentKeys } from './contentKeys.js';
import { millis, rowsOf, type Transaction } from './store.js';

/** Type of the lines that messages become. Theirs are the mesh's own, and their summary is a label. */
const MESSAGE = 'QUERY';
/** What an encrypted summary begins with; the rest is base64. */
const SEALED = 'sealed:';
const COLUMN = 'customer_history.summary';

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

/** What another system wrote about the customer, for the column of a line that is no message. */
export const sealSummary = (key: ContentKey, id: string, summary: string): string =>
  `${SEALED}${key.seal(COLUMN, id, Buffer.from(summary)).toString('base64')}`;

/** Empty when it is encrypted and its key is gone. */
function openSummary(key: ContentKey | undefined, { id, type, summary }: InteractionRow): string {
  if (type === MESSAGE || !summary.startsWith(SEALED)) return summary;
  return key?.open(COLUMN, id, Buffer.from(summary.slice(SEALED.length), 'base64')).toString() ?? '';
}

/** @param key the customer's; lines of messages need none */
export const interactionOf = (row: InteractionRow, key?: ContentKey): Interaction => ({
  id: row.id,
  type: row.type,
  summary: openSummary(key, row),
  resolutionStatus: ResolutionStatus[row.status as keyof typeof ResolutionStatus],
  satisfactionScore: row.score ?? undefined,
  createTime: new Date(row.at),
});

/** A line of a history by its id, and whose it is. */
export async function readInteraction(
  tx: Transaction,
  keys: ContentKeys,
  tenant: string,
  id: string,
): Promise<{ readonly customerId: string; readonly line: Interaction } | undefined> {
  const [row] = await rowsOf<InteractionRow & { customer_id: string; wrapped_key: Uint8Array | null }>(
    tx,
    sql`
      select customer_id, ${INTERACTION_COLUMNS}, (select k.wrapped_key from customer_keys k where k.customer_id = h.customer_id) as wrapped_key
      from customer_history h where id = ${id}`,
  );
  return row && { customerId: row.customer_id, line: interactionOf(row, keys.read(tenant, row.customer_id, row.wrapped_key)) };
}

/** What the audit log says of a line that another system brought. By the hash of what is stored it vouches for the summary; once the key is gone, it says nothing of the words. */
export const auditedOf = ({ type, resolutionStatus }: Interaction, sealedSummary: string) => ({
  type,
  resolution_status: ResolutionStatus[resolutionStatus],
  summary_sha256: createHash('sha256').update(sealedSummary).digest('hex'),
});
