import { sql } from 'drizzle-orm';
import type { AuditFault, AuditServiceDefinition, VerifyAuditLogResponse } from '../../gen/replymesh/v1/audit_service.js';
import type { Handler } from '../../lib/server.js';
import { fail } from '../errors.js';
import { type Chained, endFault, type Fault, firstFault, type Head, type Link, ORIGIN } from './auditChain.js';
import type { AuditLog } from './auditLog.js';
import { AUDIT_COLUMNS, type AuditRow, auditRecordOf, chainedOf } from './auditRow.js';
import { keyOf, type PageScope, pageTokenOf } from './pageToken.js';
import { rowsOf, type Store, type Transaction } from './store.js';

interface Parts {
  readonly store: Store;
  readonly audit: AuditLog;
}

const DEFAULT_PAGE_SIZE = 50_000;
/** Most records that one transaction reads. */
const BATCH = 2000;

export const verifyAuditLog =
  ({ store, audit }: Parts): Handler<AuditServiceDefinition, 'verifyAuditLog'> =>
  async ({ pageSize, pageToken }, call) => {
    const { tenant } = call.principal;
    const scope: PageScope = { tenant, list: 'audit log', filter: {} };
    let last = pageToken === '' ? ORIGIN : linkIn(scope, pageToken);
    const until = last.position + (pageSize || DEFAULT_PAGE_SIZE);
    while (last.position < until) {
      const limit = Math.min(BATCH, until - last.position);
      const { records, head } = await store.within(call, (tx) => read(tx, audit, tenant, last, limit));
      const isEnd = records.length < limit;
      const fault = firstFault(tenant, last, records) ?? (isEnd ? endFault(records.at(-1) ?? last, head) : undefined);
      if (fault) return answer(lastBefore(fault, last, records), faultOf(fault, records));
      last = records.at(-1) ?? last;
      if (isEnd) return answer(last);
    }
    return { ...answer(last), nextPageToken: pageTokenOf(scope, [last.position, last.hash]) };
  };

const answer = ({ position, hash }: Link, fault?: AuditFault): VerifyAuditLogResponse => ({
  recordCount: position,
  hash,
  fault,
  nextPageToken: '',
});

/** The last record that holds. */
const lastBefore = ({ position }: Fault, before: Link, records: readonly Chained[]): Link =>
  records.findLast((record) => record.position < position) ?? (before.position < position ? before : ORIGIN);

function faultOf(fault: Fault, records: readonly Chained[]): AuditFault {
  const record = records.find(({ position }) => position === fault.position);
  return { ...fault, record: record && auditRecordOf(record) };
}

function linkIn(scope: PageScope, token: string): Link {
  const [position, hash, ...more] = keyOf(scope, token) ?? [];
  if (!Number.isSafeInteger(position) || typeof hash !== 'string' || more.length > 0) return fail('PAGE_TOKEN_INVALID', {});
  return { position: position as number, hash };
}

/** One statement, so that records and head are of the same moment. */
async function read(
  tx: Transaction,
  audit: AuditLog,
  tenant: string,
  last: Link,
  limit: number,
): Promise<{ records: Chained[]; head: Head | undefined }> {
  const [row] = await rowsOf<{ records: AuditRow[] | null; head: { position: number; hash: string; mac: string } | null }>(
    tx,
    sql`
      select (select to_jsonb(h) from audit_heads h where tenant = ${tenant}) as head,
             (select jsonb_agg(to_jsonb(r)) from (
                select ${AUDIT_COLUMNS} from audit_log where position > ${last.position} order by position limit ${limit}) r) as records`,
  );
  return { records: (row?.records ?? []).map(chainedOf), head: row?.head ? audit.headOf(tenant, row.head) : undefined };
}
