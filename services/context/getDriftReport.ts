import { sql } from 'drizzle-orm';
import type { ModelMonitoringServiceDefinition } from '../../gen/replymesh/v1/model_monitoring_service.js';
import type { Handler } from '../../lib/server.js';
import { fail } from '../errors.js';
import { DRIFT_REPORT_COLUMNS, type DriftReportRow, driftReportOf } from './driftReportRow.js';
import { rowsOf, type Store } from './store.js';

export const getDriftReport =
  ({ store }: { store: Store }): Handler<ModelMonitoringServiceDefinition, 'getDriftReport'> =>
  async ({ id }, call) => {
    const [row] = await store.within(call, (tx) =>
      rowsOf<DriftReportRow>(tx, sql`select ${DRIFT_REPORT_COLUMNS} from drift_reports where id = ${id}`),
    );
    return { report: row ? driftReportOf(row) : fail('DRIFT_REPORT_NOT_FOUND', { id }) };
  };
