import { AnalyticsServiceDefinition } from '../../gen/replymesh/v1/analytics_service.js';
import { AuditServiceDefinition } from '../../gen/replymesh/v1/audit_service.js';
import { CustomerServiceDefinition } from '../../gen/replymesh/v1/customer_service.js';
import { FeedbackServiceDefinition } from '../../gen/replymesh/v1/feedback_service.js';
import { KnowledgeServiceDefinition } from '../../gen/replymesh/v1/knowledge_service.js';
import { ModelMonitoringServiceDefinition } from '../../gen/replymesh/v1/model_monitoring_service.js';
import { ModelServiceDefinition } from '../../gen/replymesh/v1/model_service.js';
import { ReviewServiceDefinition } from '../../gen/replymesh/v1/review_service.js';
import { TrainingServiceDefinition } from '../../gen/replymesh/v1/training_service.js';
import type { Served } from '../../lib/server.js';
import type { Connections } from './connections.js';
import { eraseSpooled } from './eraseSpooled.js';
import { forward } from './forward.js';
import { maskEditedReply } from './maskEditedReply.js';
import { maskFeedback } from './maskFeedback.js';
import { maskSummary } from './maskSummary.js';
import type { Spool } from './spool.js';

/** The public services that others implement. */
export const passedOn = (to: Connections, spool: Spool): Served[] => [
  forward(KnowledgeServiceDefinition, to.knowledge.client),
  forward(FeedbackServiceDefinition, to.feedback.client, { submitFeedback: maskFeedback }),
  forward(ReviewServiceDefinition, to.reviews.client, { resolveReview: maskEditedReply }),
  forward(TrainingServiceDefinition, to.training.client),
  forward(AuditServiceDefinition, to.audit.client),
  forward(CustomerServiceDefinition, to.customers.client, {
    createInteraction: maskSummary,
    updateInteraction: maskSummary,
    eraseCustomer: eraseSpooled(spool),
  }),
  forward(AnalyticsServiceDefinition, to.analytics.client),
  forward(ModelMonitoringServiceDefinition, to.monitoring.client),
  forward(ModelServiceDefinition, to.models.client),
];
