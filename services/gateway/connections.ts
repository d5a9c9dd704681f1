import { ContextServiceDefinition } from '../../gen/replymesh/context/v1/context_service.js';
import { GeneratorServiceDefinition } from '../../gen/replymesh/generator/v1/generator_service.js';
import { InferenceServiceDefinition } from '../../gen/replymesh/inference/v1/inference_service.js';
import { AnalyticsServiceDefinition } from '../../gen/replymesh/v1/analytics_service.js';
import { AuditServiceDefinition } from '../../gen/replymesh/v1/audit_service.js';
import { CustomerServiceDefinition } from '../../gen/replymesh/v1/customer_service.js';
import { FeedbackServiceDefinition } from '../../gen/replymesh/v1/feedback_service.js';
import { KnowledgeServiceDefinition } from '../../gen/replymesh/v1/knowledge_service.js';
import { ModelMonitoringServiceDefinition } from '../../gen/replymesh/v1/model_monitoring_service.js';
import { ModelServiceDefinition } from '../../gen/replymesh/v1/model_service.js';
import { ReviewServiceDefinition } from '../../gen/replymesh/v1/review_service.js';
import { TrainingServiceDefinition } from '../../gen/replymesh/v1/training_service.js';
import { connect } from '../../lib/client.js';
import type { ConfigOf } from '../../lib/config.js';
import type { GatewayConfig } from './config.js';

export type Connections = ReturnType<typeof connections>;

/** The services that the gateway calls. What a query needs has a time of its own; what is only passed on takes as long as its caller waits. */
export function connections(config: ConfigOf<typeof GatewayConfig>) {
  const context = { callee: 'context', target: config.contextTarget, timeoutMs: config.contextTimeoutMs };
  const passedOn = { ...context, timeoutMs: config.deadlineMs };
  const inference = { callee: 'inference', target: config.inferenceTarget, timeoutMs: config.inferenceTimeoutMs };
  const generator = { callee: 'generator', target: config.generatorTarget, timeoutMs: config.generatorTimeoutMs };
  const all = {
    context: connect(ContextServiceDefinition, context),
    records: connect(ContextServiceDefinition, passedOn),
    knowledge: connect(KnowledgeServiceDefinition, passedOn),
    feedback: connect(FeedbackServiceDefinition, passedOn),
    reviews: connect(ReviewServiceDefinition, passedOn),
    training: connect(TrainingServiceDefinition, passedOn),
    audit: connect(AuditServiceDefinition, passedOn),
    customers: connect(CustomerServiceDefinition, passedOn),
    analytics: connect(AnalyticsServiceDefinition, passedOn),
    monitoring: connect(ModelMonitoringServiceDefinition, passedOn),
    models: connect(ModelServiceDefinition, { ...inference, timeoutMs: config.deadlineMs }),
    inference: connect(InferenceServiceDefinition, inference),
    replays: connect(InferenceServiceDefinition, { ...inference, timeoutMs: config.deadlineMs }),
    generator: connect(GeneratorServiceDefinition, generator),
  };
  return { ...all, close: async () => void (await Promise.all(Object.values(all).map((connection) => connection.close()))) };
}
