import '../../lib/telemetry.js'; // first: it has to patch @grpc/grpc-js before anything uses it
import { ContextServiceDefinition } from '../../gen/replymesh/context/v1/context_service.js';
import { GeneratorServiceDefinition } from '../../gen/replymesh/generator/v1/generator_service.js';
import { InferenceServiceDefinition } from '../../gen/replymesh/inference/v1/inference_service.js';
import { FeedbackServiceDefinition } from '../../gen/replymesh/v1/feedback_service.js';
import { KnowledgeServiceDefinition } from '../../gen/replymesh/v1/knowledge_service.js';
import { QueryServiceDefinition } from '../../gen/replymesh/v1/query_service.js';
import { connect } from '../../lib/client.js';
import { loadConfig } from '../../lib/config.js';
import { serve, startServer } from '../../lib/server.js';
import { endOnFailure, onShutdown } from '../../lib/shutdown.js';
import { telemetry } from '../../lib/telemetry.js';
import { batchProcessQueries } from './batchProcessQueries.js';
import { GatewayConfig } from './config.js';
import { forward } from './forward.js';
import { getQuery } from './getQuery.js';
import { listQueries } from './listQueries.js';
import { idempotency } from './once.js';
import { loadPolicy } from './policy.js';
import { tokenPrincipal } from './principal.js';
import { processQuery } from './processQuery.js';
import { callerLimit } from './rateLimit.js';
import { delivery, recorder } from './record.js';
import { openSpool } from './spool.js';
import { streamQuery } from './streamQuery.js';

endOnFailure();
const config = loadConfig(GatewayConfig, process.env, process.argv);
const policy = loadPolicy(config.policyFile);
const toContext = { callee: 'context', target: config.contextTarget, timeoutMs: config.contextTimeoutMs };
const toInference = { callee: 'inference', target: config.inferenceTarget, timeoutMs: config.inferenceTimeoutMs };
const toGenerator = { callee: 'generator', target: config.generatorTarget, timeoutMs: config.generatorTimeoutMs };
const context = connect(ContextServiceDefinition, toContext);
const knowledge = connect(KnowledgeServiceDefinition, toContext);
const feedback = connect(FeedbackServiceDefinition, toContext);
const inference = connect(InferenceServiceDefinition, toInference);
const generator = connect(GeneratorServiceDefinition, toGenerator);
const spool = await openSpool(config.spoolDir, delivery(context.client));

const parts = {
  sources: { context: context.client, inference: inference.client },
  generator: generator.client,
  record: recorder(context.client, spool),
  once: idempotency(context.client, spool),
  takeAllowance: callerLimit(config.callsPerSecond),
  policy,
};
const server = await startServer(config, tokenPrincipal(config), [
  serve(QueryServiceDefinition, {
    processQuery: processQuery(parts),
    streamQuery: streamQuery(parts),
    batchProcessQueries: batchProcessQueries({ ...parts, concurrency: config.batchConcurrency, perMessageMs: config.deadlineMs }),
    getQuery: getQuery(context.client, spool),
    listQueries: listQueries(context.client),
  }),
  forward(KnowledgeServiceDefinition, knowledge.client),
  forward(FeedbackServiceDefinition, feedback.client),
]);
onShutdown([server, spool, context, knowledge, feedback, inference, generator, telemetry]);
