import { type SQL, sql } from 'drizzle-orm';
import type { ListQueriesRequest } from '../../gen/replymesh/context/v1/context_service.js';
import { Action } from '../../gen/replymesh/type/v1/decision.js';
import type { Handler } from '../../lib/server.js';
import { fail } from '../errors.js';
import type { ContentKeys } from './contentKeys.js';
import type { ContextServiceDefinition } from './encodedPage.js';
import { isTime, keyOf, type PageScope, pageTokenOf } from './pageToken.js';
import { newestQueries, openRecord, SEALED_RECORD, type SealedRecord } from './sealedQuery.js';
import { millis, preparedRowsOf, rowsOf, type Store } from './store.js';

const DEFAULT_PAGE_SIZE = 50;
/** A page ends early at this many bytes, so that it fits into one gRPC message. AIP-158 allows fewer rows than asked for. */
const MAX_PAGE_BYTES = 3_000_000;
interface Row extends SealedRecord {
  readonly created_at: number;
}

export const listQueries =
  ({ store, keys }: { store: Store; keys: ContentKeys }): Handler<ContextServiceDefinition, 'listQueries'> =>
  async (request, call) => {
    const pageSize = request.pageSize || DEFAULT_PAGE_SIZE;
    const scope = scopeOf(call.principal.tenant, request);
    const after = request.pageToken === '' ? undefined : keyIn(scope, request.pageToken);
    const statement = sql`
      select ${SEALED_RECORD}, ${millis('q.created_at')} as created_at
      from ${newestQueries(sql.join(conditionsOf(request, after), sql` and `), pageSize + 1)}`;
    // A statement for each size of page would fill the connections' memory.
    const read = pageSize === DEFAULT_PAGE_SIZE ? preparedRowsOf<Row> : rowsOf<Row>;
    const rows = await store.within(call, (tx) => read(tx, statement));
    const page = rows.slice(0, howManyFit(rows.slice(0, pageSize)));
    const last = page.at(-1);
    return {
      queries: page.flatMap((row) => openRecord(keys, call.principal.tenant, row) ?? []),
      nextPageToken: last && rows.length > page.length ? pageTokenOf(scope, [last.created_at, last.id]) : '',
    };
  };

const scopeOf = (tenant: string, request: ListQueriesRequest): PageScope => ({
  tenant,
  list: 'queries',
  filter: {
    customer: request.customerId,
    intent: request.intent,
    action: request.action,
    start: request.startTime?.getTime(),
    end: request.endTime?.getTime(),
  },
});

function keyIn(scope: PageScope, token: string): [number, string] {
  const [createdAt, id, ...more] = keyOf(scope, token) ?? [];
  if (!isTime(createdAt) || typeof id !== 'string' || more.length > 0) return fail('PAGE_TOKEN_INVALID', {});
  return [createdAt, id];
}

/** Keyset paging: a page starts after a row, not at a count, so that what is stored meanwhile moves nothing. */
function conditionsOf(request: ListQueriesRequest, after: [number, string] | undefined): SQL[] {
  return [
    sql`true`,
    ...(request.customerId === '' ? [] : [sql`q.customer_id = ${request.customerId}`]),
    ...(request.intent === '' ? [] : [sql`q.intent = ${request.intent}`]),
    ...(request.action === Action.UNSPECIFIED ? [] : [sql`q.action = ${Action[request.action]}`]),
    ...(request.startTime ? [sql`q.created_at >= ${request.startTime.toISOString()}::timestamptz`] : []),
    ...(request.endTime ? [sql`q.created_at < ${request.endTime.toISOString()}::timestamptz`] : []),
    ...(after ? [sql`(q.created_at, q.id) < (${new Date(after[0]).toISOString()}::timestamptz, ${after[1]})`] : []),
  ];
}

/** At least one, else a record that is large alone would stop the walk. */
export function howManyFit(rows: readonly { readonly record: Uint8Array; readonly inputs?: Uint8Array | null }[]): number {
  let size = 0;
  const tooMany = rows.findIndex((row, i) => (size += row.record.byteLength + (row.inputs?.byteLength ?? 0)) > MAX_PAGE_BYTES && i > 0);
  return tooMany === -1 ? rows.length : tooMany;
}
