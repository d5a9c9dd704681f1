import { type SQL, sql } from 'drizzle-orm';
import type { ContextServiceDefinition, ListQueriesRequest } from '../../gen/replymesh/context/v1/context_service.js';
import { Action, Query } from '../../gen/replymesh/type/v1/decision.js';
import type { Handler } from '../../lib/server.js';
import { fail } from '../errors.js';
import { keyOf, type PageScope, pageTokenOf } from './pageToken.js';
import { millis, rowsOf, type Store } from './store.js';

const DEFAULT_PAGE_SIZE = 50;
/** A page ends early at this many bytes, so that it fits into one gRPC message. AIP-158 allows fewer rows than asked for. */
const MAX_PAGE_BYTES = 3_000_000;
/** The years 1 to 9999, as the contract's times: beyond them ISO 8601 has another form, which Postgres does not read. */
const EARLIEST_MS = Date.parse('0001-01-01T00:00:00Z');
const LATEST_MS = Date.parse('9999-12-31T23:59:59.999Z');

interface Row {
  readonly id: string;
  readonly created_at: number;
  readonly record: Uint8Array;
}

export const listQueries =
  ({ store }: { store: Store }): Handler<ContextServiceDefinition, 'listQueries'> =>
  async (request, call) => {
    const pageSize = request.pageSize || DEFAULT_PAGE_SIZE;
    const scope = scopeOf(call.principal.tenant, request);
    const after = request.pageToken === '' ? undefined : keyIn(scope, request.pageToken);
    const rows = await store.within(call, (tx) =>
      rowsOf<Row>(
        tx,
        sql`
          select id, ${millis('created_at')} as created_at, record from queries
          where ${sql.join(conditionsOf(request, after), sql` and `)}
          order by created_at desc, id desc
          limit ${pageSize + 1}`,
      ),
    );
    const page = rows.slice(0, howManyFit(rows.slice(0, pageSize)));
    const last = page.at(-1);
    return {
      queries: page.map((row) => Query.decode(row.record)),
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
  const isTime = typeof createdAt === 'number' && createdAt >= EARLIEST_MS && createdAt <= LATEST_MS;
  if (!isTime || typeof id !== 'string' || more.length > 0) return fail('PAGE_TOKEN_INVALID', {});
  return [createdAt, id];
}

/** Keyset paging: a page starts after a row, not at a count, so that what is stored meanwhile moves nothing. */
function conditionsOf(request: ListQueriesRequest, after: [number, string] | undefined): SQL[] {
  return [
    sql`true`,
    ...(request.customerId === '' ? [] : [sql`customer_id = ${request.customerId}`]),
    ...(request.intent === '' ? [] : [sql`intent = ${request.intent}`]),
    ...(request.action === Action.UNSPECIFIED ? [] : [sql`action = ${Action[request.action]}`]),
    ...(request.startTime ? [sql`created_at >= ${request.startTime.toISOString()}::timestamptz`] : []),
    ...(request.endTime ? [sql`created_at < ${request.endTime.toISOString()}::timestamptz`] : []),
    ...(after ? [sql`(created_at, id) < (${new Date(after[0]).toISOString()}::timestamptz, ${after[1]})`] : []),
  ];
}

/** At least one, else a record that is large alone would stop the walk. */
function howManyFit(rows: readonly Row[]): number {
  let size = 0;
  const tooMany = rows.findIndex((row, i) => (size += row.record.byteLength) > MAX_PAGE_BYTES && i > 0);
  return tooMany === -1 ? rows.length : tooMany;
}
