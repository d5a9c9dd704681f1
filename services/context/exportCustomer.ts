import { type SQL, sql } from 'drizzle-orm';
import type { AuditRecord } from '../../gen/replymesh/v1/audit_service.js';
import type { CustomerServiceDefinition, ExportCustomerResponse } from '../../gen/replymesh/v1/customer_service.js';
import type { Handler } from '../../lib/server.js';
import { fail } from '../errors.js';
import type { AuditLog } from './auditLog.js';
import { AUDIT_COLUMNS, type AuditRow, auditRecordOf, chainedOf } from './auditRow.js';
import type { ContentKeys } from './contentKeys.js';
import { INTERACTION_COLUMNS, type InteractionRow, interactionOf } from './interactionRow.js';
import { howManyFit } from './listQueries.js';
import { isTime, keyOf, type PageScope, pageTokenOf } from './pageToken.js';
import { readProfile } from './profileRow.js';
import { readBelongings } from './queryBelongings.js';
import { newestQueries, openInputs, openQuery, SEALED_INPUTS, SEALED_RECORD, type SealedInputs, type SealedRecord } from './sealedQuery.js';
import { millis, rowsOf, type Store, type Transaction } from './store.js';

interface Parts {
  readonly store: Store;
  readonly keys: ContentKeys;
  readonly audit: AuditLog;
  readonly now: () => Date;
}

const DEFAULT_PAGE_SIZE = 100;
/** Most changes, exports and erasures that are told. */
const MOST_AUDIT_RECORDS = 1000;

/** What is asked for. */
interface Asked {
  readonly tenant: string;
  readonly customerId: string;
  /** Most rows of a page. */
  readonly limit: number;
}
/** Where a page begins: in which list, and after which row of it. */
interface Start {
  readonly list: 'history' | 'queries';
  readonly after: readonly [createdAtMs: number, id: string] | undefined;
}
type Page = Partial<ExportCustomerResponse> & { readonly next?: Start | undefined };

export const exportCustomer =
  ({ store, keys, audit, now }: Parts): Handler<CustomerServiceDefinition, 'exportCustomer'> =>
  async ({ customerId, pageSize, pageToken }, call) => {
    const asked: Asked = { tenant: call.principal.tenant, customerId, limit: pageSize || DEFAULT_PAGE_SIZE };
    const scope: PageScope = { tenant: asked.tenant, list: 'export', filter: { customer: customerId } };
    const start = pageToken === '' ? undefined : startIn(scope, pageToken);
    const { next, ...page } = await store.within(call, async (tx): Promise<Page> => {
      const first = start ? {} : await readFirst(tx, keys, asked);
      const list = start?.list ?? 'history';
      const rest = list === 'history' ? await readHistory(tx, keys, asked, start) : await readQueries(tx, keys, asked, start);
      const detail = { list, rows: String((rest.interactions ?? rest.queries ?? []).length) };
      await audit.note(tx, call.principal, { at: now(), action: 'customer.exported', subject: customerId, detail });
      return { ...first, ...rest, auditRecords: [...(first.auditRecords ?? []), ...(rest.auditRecords ?? [])] };
    });
    const nextPageToken = next ? pageTokenOf(scope, [next.list, ...(next.after ?? [])]) : '';
    return { profile: undefined, interactions: [], queries: [], auditRecords: [], ...page, nextPageToken };
  };

function startIn(scope: PageScope, token: string): Start {
  const [list, createdAt, id, ...more] = keyOf(scope, token) ?? [];
  if ((list !== 'history' && list !== 'queries') || more.length > 0) return fail('PAGE_TOKEN_INVALID', {});
  if (createdAt === undefined) return { list, after: undefined };
  return isTime(createdAt) && typeof id === 'string' ? { list, after: [createdAt, id] } : fail('PAGE_TOKEN_INVALID', {});
}

async function readFirst(tx: Transaction, keys: ContentKeys, { tenant, customerId }: Asked): Promise<Page> {
  return {
    profile: await readProfile(tx, keys, tenant, customerId),
    auditRecords: await readAudited(tx, sql`subject = ${customerId} and action like 'customer.%'`),
  };
}

async function readAudited(tx: Transaction, condition: SQL): Promise<AuditRecord[]> {
  const rows = await rowsOf<AuditRow>(
    tx,
    sql`select ${AUDIT_COLUMNS} from audit_log where ${condition} order by position desc limit ${MOST_AUDIT_RECORDS}`,
  );
  return rows.map((record) => auditRecordOf(chainedOf(record)));
}

const follows = (row: SQL, start: Start | undefined): SQL =>
  start?.after ? sql`${row} < (${new Date(start.after[0]).toISOString()}::timestamptz, ${start.after[1]})` : sql`true`;

async function readHistory(
  tx: Transaction,
  keys: ContentKeys,
  { tenant, customerId, limit }: Asked,
  start: Start | undefined,
): Promise<Page> {
  const rows = await rowsOf<InteractionRow & { wrapped_key: Uint8Array | null }>(
    tx,
    sql`
      select ${INTERACTION_COLUMNS}, (select k.wrapped_key from customer_keys k where k.customer_id = ${customerId}) as wrapped_key
      from customer_history where customer_id = ${customerId} and ${follows(sql`(created_at, id)`, start)}
      order by created_at desc, id desc limit ${limit + 1}`,
  );
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const ids = sql.join([sql`null`, ...page.map(({ id }) => sql`${id}`)], sql`, `);
  return {
    auditRecords: await readAudited(tx, sql`subject in (${ids}) and action like 'interaction.%'`),
    interactions: page.map((line) => interactionOf(line, keys.read(tenant, customerId, line.wrapped_key))),
    next: last && rows.length > limit ? { list: 'history', after: [last.at, last.id] } : { list: 'queries', after: undefined },
  };
}

async function readQueries(
  tx: Transaction,
  keys: ContentKeys,
  { tenant, customerId, limit }: Asked,
  start: Start | undefined,
): Promise<Page> {
  const rows = await rowsOf<SealedRecord & SealedInputs & { at: number }>(
    tx,
    sql`
      select ${SEALED_RECORD}, ${SEALED_INPUTS}, ${millis('q.created_at')} as at
      from ${newestQueries(sql`q.customer_id = ${customerId} and ${follows(sql`(q.created_at, q.id)`, start)}`, limit + 1)}`,
  );
  const page = rows.slice(0, howManyFit(rows.slice(0, limit)));
  const belongingsOf = await readBelongings(
    tx,
    page.map((row) => row.id),
    page[0] && keys.read(tenant, customerId, page[0].wrapped_key),
  );
  const last = page.at(-1);
  return {
    queries: page.flatMap((row) => {
      const query = openQuery(keys, tenant, row);
      return query ? [{ query, inputs: openInputs(keys, tenant, row), ...belongingsOf(row.id) }] : [];
    }),
    next: last && rows.length > page.length ? { list: 'queries', after: [last.at, last.id] } : undefined,
  };
}
