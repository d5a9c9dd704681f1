import type { ContextServiceDefinition } from '../../gen/replymesh/context/v1/context_service.js';
import type { QueryServiceDefinition } from '../../gen/replymesh/v1/query_service.js';
import type { MeshClient } from '../../lib/client.js';
import type { Handler } from '../../lib/server.js';

export const listQueries =
  (context: MeshClient<typeof ContextServiceDefinition>): Handler<typeof QueryServiceDefinition, 'listQueries'> =>
  (request, call) =>
    context.listQueries(request, { within: call });
