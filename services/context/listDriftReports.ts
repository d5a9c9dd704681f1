import { type SQL, sql } from 'drizzle-orm';
import type { ModelMonitoringServiceDefinition } from '../../gen/replymesh/v1/model_monitoring_service.js';
import type { Handler } from '../../lib/server.js';
import { fail } from '../errors.js';
import { DRIFT_REPORT_COLUMNS, type DriftReportRow, driftReportOf } from './driftReportRow.js';
import { isTime, keyOf, type PageScope, pageTokenOf } from './pageToken.js';
import { rowsOf, type Store } from './store.js';

const DEFAULT_PAGE_SIZE = 50;

export const listDriftReports =
  ({ store }: { store: Store }): Handler<ModelMonitoringServiceDefinition, 'listDriftReports'> =>
  async ({ pageSize, pageToken, labelSpace, drifted }, call) => {
    const most = pageSize || DEFAULT_PAGE_SIZE;
    const scope: PageScope = { tenant: call.principal.tenant, list: 'drift reports', filter: { labelSpace, drifted: String(drifted) } };
    const conditions = [
      sql`true`,
      ...(labelSpace === '' ? [] : [sql`label_space = ${labelSpace}`]),
      ...(drifted ? [sql`drifted`] : []),
      ...(pageToken === '' ? [] : [after(scope, pageToken)]),
    ];
    const rows = await store.within(call, (tx) =>
      rowsOf<DriftReportRow>(
        tx,
        sql`
          select ${DRIFT_REPORT_COLUMNS} from drift_reports where ${sql.join(conditions, sql` and `)}
          order by drift_reports.created_at desc, id desc limit ${most + 1}`,
      ),
    );
    const last = rows[most - 1];
    return {
      reports: rows.slice(0, most).map(driftReportOf),
      nextPageToken: last && rows.length > most ? pageTokenOf(scope, [last.created_at, last.id]) : '',
    };
  };

function after(scope: PageScope, token: string): SQL {
  const [time, id, ...more] = keyOf(scope, token) ?? [];
  if (!isTime(time) || typeof id !== 'string' || more.length > 0) return fail('PAGE_TOKEN_INVALID', {});
  return sql`(created_at, id) < (${new Date(time).toISOString()}::timestamptz, ${id})`;
}
