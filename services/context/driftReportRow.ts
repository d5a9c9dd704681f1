import { type SQL, sql } from 'drizzle-orm';
import type { DriftReport } from '../../gen/replymesh/v1/model_monitoring_service.js';
import { DriftMeasureKind, RetrainingVerdict } from '../../gen/replymesh/v1/model_monitoring_service.js';
import type { Payload } from './events.js';
import { millis, type Transaction } from './store.js';

/** A drift report as `DRIFT_REPORT_COLUMNS` reads it. */
export interface DriftReportRow {
  readonly id: string;
  readonly model_name: string;
  readonly model_version: string;
  readonly label_space: string;
  readonly window_start: number;
  readonly window_end: number;
  readonly score: number;
  readonly drifted: boolean;
  readonly report: Told;
  readonly created_at: number;
}
/** What is kept as JSON. */
type Told = Pick<DriftReport, 'rows' | 'measures' | 'shifts' | 'retraining' | 'labels'>;

export const DRIFT_REPORT_COLUMNS: SQL = sql`
  id, model_name, model_version, label_space, ${millis('window_start')} as window_start, ${millis('window_end')} as window_end, score, drifted, report,
  ${millis('created_at')} as created_at`;

export const driftReportOf = (row: DriftReportRow): DriftReport => ({
  id: row.id,
  modelName: row.model_name,
  bundleDigest: row.model_version,
  labelSpace: row.label_space,
  startTime: new Date(row.window_start),
  endTime: new Date(row.window_end),
  score: row.score,
  drifted: row.drifted,
  createTime: new Date(row.created_at),
  ...row.report,
});

/** Stores a report, and announces it when the window has drifted. */
export async function storeDriftReport(tx: Transaction, tenant: string, report: DriftReport): Promise<void> {
  const { rows, measures, shifts, retraining, labels } = report;
  const told: Told = { rows, measures, shifts, retraining, labels };
  const [start, end, at] = [report.startTime!, report.endTime!, report.createTime!].map((time) => time.toISOString());
  await tx.execute(sql`
    insert into drift_reports (tenant, id, model_name, model_version, label_space, window_start, window_end, score, report, drifted, created_at)
    values (${tenant}, ${report.id}, ${report.modelName}, ${report.bundleDigest}, ${report.labelSpace}, ${start}, ${end}, ${report.score},
            ${JSON.stringify(told)}::jsonb, ${report.drifted}, ${at})`);
  if (!report.drifted) return;
  const payload: Payload<'DriftDetected'> = {
    report_id: report.id,
    model_name: report.modelName,
    model_version: report.bundleDigest,
    label_space: report.labelSpace,
    score: report.score,
    measure: DriftMeasureKind[measures[0]!.kind],
    feature: measures[0]!.feature,
    rows,
    window_start: start!,
    window_end: end!,
    retraining: RetrainingVerdict[retraining],
  };
  await tx.execute(sql`
    insert into outbox (tenant, event_id, type, subject, payload, created_at)
    values (${tenant}, ${`DriftDetected/${report.id}`}, 'DriftDetected', ${report.id}, ${JSON.stringify(payload)}::jsonb, ${at})`);
}
