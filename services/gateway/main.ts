import '../../lib/telemetry.js'; // first: it has to patch @grpc/grpc-js before anything uses it
import { QueryServiceDefinition } from '../../gen/replymesh/v1/query_service.js';
import { loadConfig } from '../../lib/config.js';
import { serve, startServer } from '../../lib/server.js';
import { endOnFailure, onShutdown } from '../../lib/shutdown.js';
import { telemetry } from '../../lib/telemetry.js';
import { afterwards } from './afterwards.js';
import { batchProcessQueries } from './batchProcessQueries.js';
import { GatewayConfig } from './config.js';
import { connections } from './connections.js';
import { getQuery } from './getQuery.js';
import { listQueries } from './listQueries.js';
import { idempotency } from './once.js';
import { passedOn } from './passedOn.js';
import { loadPolicy } from './policy.js';
import { tokenPrincipal } from './principal.js';
import { processQuery } from './processQuery.js';
import { callerLimit } from './rateLimit.js';
import { delivery, recorder } from './record.js';
import { replayQuery } from './replayQuery.js';
import { openSpool } from './spool.js';
import { streamQuery } from './streamQuery.js';

endOnFailure();
const config = loadConfig(GatewayConfig, process.env, process.argv);
const to = connections(config);
const spool = await openSpool(config.spoolDir, config.spoolLimit, delivery(to.context.client));
const after = afterwards();
const parts = {
  sources: { context: to.context.client, inference: to.inference.client },
  generator: to.generator.client,
  record: recorder(to.context.client, spool),
  once: idempotency(to.context.client, spool, after),
  takeAllowance: callerLimit(config.callsPerSecond),
  policy: loadPolicy(config.policyFile),
};
const server = await startServer(config, tokenPrincipal(config), [
  serve(QueryServiceDefinition, {
    processQuery: processQuery(parts),
    streamQuery: streamQuery({ ...parts, afterwards: after }),
    batchProcessQueries: batchProcessQueries({ ...parts, concurrency: config.batchConcurrency, perMessageMs: config.deadlineMs }),
    getQuery: getQuery(to.records.client, spool),
    listQueries: listQueries(to.records.client),
    replayQuery: replayQuery({ ...parts, context: to.records.client, inference: to.replays.client, spool }),
  }),
  ...passedOn(to, spool),
]);
onShutdown([server, after, spool, to, telemetry]);
