import { type SQL, sql } from 'drizzle-orm';
import type { AuditServiceDefinition, ListAuditRecordsRequest } from '../../gen/replymesh/v1/audit_service.js';
import type { Handler } from '../../lib/server.js';
import { fail } from '../errors.js';
import { AUDIT_COLUMNS, type AuditRow, auditRecordOf, chainedOf } from './auditRow.js';
import { keyOf, type PageScope, pageTokenOf } from './pageToken.js';
import { rowsOf, type Store } from './store.js';

const DEFAULT_PAGE_SIZE = 50;

export const listAuditRecords =
  ({ store }: { store: Store }): Handler<AuditServiceDefinition, 'listAuditRecords'> =>
  async (request, call) => {
    const pageSize = request.pageSize || DEFAULT_PAGE_SIZE;
    const scope = scopeOf(call.principal.tenant, request);
    const before = request.pageToken === '' ? undefined : positionIn(scope, request.pageToken);
    const rows = await store.within(call, (tx) =>
      rowsOf<AuditRow>(
        tx,
        sql`
          select ${AUDIT_COLUMNS} from audit_log where ${sql.join(conditionsOf(request, before), sql` and `)}
          order by position desc limit ${pageSize + 1}`,
      ),
    );
    const records = rows.slice(0, pageSize).map((row) => auditRecordOf(chainedOf(row)));
    const last = records.at(-1);
    return { records, nextPageToken: last && rows.length > pageSize ? pageTokenOf(scope, [last.position]) : '' };
  };

const scopeOf = (tenant: string, { subject, actor, action, startTime, endTime }: ListAuditRecordsRequest): PageScope => ({
  tenant,
  list: 'audit records',
  filter: { subject, actor, action, start: startTime?.getTime(), end: endTime?.getTime() },
});

function positionIn(scope: PageScope, token: string): number {
  const [position, ...more] = keyOf(scope, token) ?? [];
  return Number.isSafeInteger(position) && more.length === 0 ? (position as number) : fail('PAGE_TOKEN_INVALID', {});
}

const conditionsOf = ({ subject, actor, action, startTime, endTime }: ListAuditRecordsRequest, before: number | undefined): SQL[] => [
  sql`true`,
  ...(subject === '' ? [] : [sql`subject = ${subject}`]),
  ...(actor === '' ? [] : [sql`actor = ${actor}`]),
  ...(action === '' ? [] : [sql`action = ${action}`]),
  ...(startTime ? [sql`at >= ${startTime.toISOString()}::timestamptz`] : []),
  ...(endTime ? [sql`at < ${endTime.toISOString()}::timestamptz`] : []),
  ...(before === undefined ? [] : [sql`position < ${before}`]),
];
