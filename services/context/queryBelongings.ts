import { type SQL, sql } from 'drizzle-orm';
import type { ExportedQuery } from '../../gen/replymesh/v1/customer_service.js';
import { AUDIT_COLUMNS, type AuditRow, auditRecordOf, chainedOf } from './auditRow.js';
import type { ContentKey } from './contentKeys.js';
import { FEEDBACK_COLUMNS, type FeedbackRow, feedbackOf } from './feedbackRow.js';
import { REVIEW_COLUMNS, type ReviewRow, reviewOf } from './reviewRow.js';
import { readSaidWords } from './saidWords.js';
import { millis, rowsOf, type Transaction } from './store.js';

interface LabelRow {
  readonly query_id: string;
  readonly label_space: string;
  readonly label: string;
  readonly source: string;
  readonly drawn: string;
  readonly labelled_by: string;
  readonly created_at: number;
}
interface ShadowRow {
  readonly query_id: string;
  readonly bundle_digest: string;
  readonly label_space: string;
  readonly intent: string;
  readonly confidence: number;
  readonly uncertainty: number;
  readonly created_at: number;
}

/** What is stored beside queries of one customer and belongs to them, by the query's id. @param key the customer's; undefined when it is gone */
export async function readBelongings(
  tx: Transaction,
  ids: readonly string[],
  key: ContentKey | undefined,
): Promise<(id: string) => Omit<ExportedQuery, 'query' | 'inputs'>> {
  const among = (column: string): SQL =>
    sql`${sql.identifier(column)} = any(array(select jsonb_array_elements_text(${JSON.stringify(ids)}::jsonb)))`;
  const feedback = await rowsOf<FeedbackRow>(
    tx,
    sql`select ${FEEDBACK_COLUMNS} from feedback where ${among('query_id')} order by created_at`,
  );
  const wordsOf = await readSaidWords(tx, ids, key);
  const labels = await rowsOf<LabelRow>(
    tx,
    sql`select query_id, label_space, label, source, drawn, labelled_by, ${millis('created_at')} as created_at from labels where ${among('query_id')} order by created_at`,
  );
  const shadows = await rowsOf<ShadowRow>(
    tx,
    sql`
      select query_id, bundle_digest, label_space, intent, confidence, uncertainty, ${millis('created_at')} as created_at
      from shadow_predictions where ${among('query_id')} order by created_at`,
  );
  const reviews = await rowsOf<ReviewRow>(tx, sql`select ${REVIEW_COLUMNS} from reviews r where ${among('query_id')}`);
  const audited = await rowsOf<AuditRow>(tx, sql`select ${AUDIT_COLUMNS} from audit_log where ${among('subject')} order by position`);
  return (id) => ({
    feedback: feedback
      .filter((row) => row.query_id === id)
      .map((row) => ({ ...feedbackOf(row), correctedIntent: wordsOf(row.id) ?? row.corrected_intent })),
    labels: labels.filter((row) => row.query_id === id).map(labelOf),
    shadowPredictions: shadows.filter((row) => row.query_id === id).map(shadowOf),
    review: reviews.filter((row) => row.query_id === id).map((row) => reviewOf(row, key))[0],
    auditRecords: audited.filter((row) => row.subject === id).map((row) => auditRecordOf(chainedOf(row))),
  });
}

const labelOf = (row: LabelRow): ExportedQuery['labels'][number] => ({
  labelSpace: row.label_space,
  label: row.label,
  source: row.source,
  drawn: row.drawn,
  labelledBy: row.labelled_by,
  createTime: new Date(row.created_at),
});

const shadowOf = (row: ShadowRow): ExportedQuery['shadowPredictions'][number] => ({
  bundleDigest: row.bundle_digest,
  labelSpace: row.label_space,
  intent: row.intent,
  confidence: row.confidence,
  uncertainty: row.uncertainty,
  createTime: new Date(row.created_at),
});
