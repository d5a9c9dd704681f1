import { sql } from 'drizzle-orm';
import type { ContextServiceDefinition } from '../../gen/replymesh/context/v1/context_service.js';
import { Query } from '../../gen/replymesh/type/v1/decision.js';
import type { Handler } from '../../lib/server.js';
import { fail } from '../errors.js';
import { rowsOf, type Store } from './store.js';

export const getQuery =
  ({ store }: { store: Store }): Handler<ContextServiceDefinition, 'getQuery'> =>
  async ({ id }, call) => {
    const [row] = await store.within(call, (tx) => rowsOf<{ record: Uint8Array }>(tx, sql`select record from queries where id = ${id}`));
    return row ? { query: Query.decode(row.record) } : fail('QUERY_NOT_FOUND', { id });
  };
