import { sql } from 'drizzle-orm';
import type { ContextServiceDefinition } from '../../gen/replymesh/context/v1/context_service.js';
import type { Handler } from '../../lib/server.js';
import { fail } from '../errors.js';
import type { ContentKeys } from './contentKeys.js';
import { openQuery, QUERIES_AND_KEYS, SEALED_RECORD, type SealedRecord } from './sealedQuery.js';
import { rowsOf, type Store } from './store.js';

export const getQuery =
  ({ store, keys }: { store: Store; keys: ContentKeys }): Handler<ContextServiceDefinition, 'getQuery'> =>
  async ({ id }, call) => {
    const [row] = await store.within(call, (tx) =>
      rowsOf<SealedRecord>(tx, sql`select ${SEALED_RECORD} from ${QUERIES_AND_KEYS} where q.id = ${id}`),
    );
    const query = row && openQuery(keys, call.principal.tenant, row);
    return query ? { query } : fail('QUERY_NOT_FOUND', { id });
  };
