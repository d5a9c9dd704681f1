import type { ContextServiceDefinition } from '../../gen/replymesh/context/v1/context_service.js';
import type { QueryServiceDefinition } from '../../gen/replymesh/v1/query_service.js';
import type { MeshClient } from '../../lib/client.js';
import type { Handler } from '../../lib/server.js';
import type { Spool } from './spool.js';

/** A record that still waits in the spool is as good as a stored one. */
export const getQuery =
  (context: MeshClient<typeof ContextServiceDefinition>, spool: Spool): Handler<typeof QueryServiceDefinition, 'getQuery'> =>
  async ({ id }, call) => {
    const spooled = spool.byId(call.principal.tenant, id);
    return spooled ? { query: spooled } : context.getQuery({ id }, { within: call });
  };
