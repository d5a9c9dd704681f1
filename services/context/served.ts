import { v7 as uuidv7 } from 'uuid';
import type { InferenceServiceDefinition } from '../../gen/replymesh/inference/v1/inference_service.js';
import { AnalyticsServiceDefinition } from '../../gen/replymesh/v1/analytics_service.js';
import { AuditServiceDefinition } from '../../gen/replymesh/v1/audit_service.js';
import { CustomerServiceDefinition } from '../../gen/replymesh/v1/customer_service.js';
import { FeedbackServiceDefinition } from '../../gen/replymesh/v1/feedback_service.js';
import { KnowledgeServiceDefinition } from '../../gen/replymesh/v1/knowledge_service.js';
import { ModelMonitoringServiceDefinition } from '../../gen/replymesh/v1/model_monitoring_service.js';
import type { ModelServiceDefinition } from '../../gen/replymesh/v1/model_service.js';
import { ReviewServiceDefinition } from '../../gen/replymesh/v1/review_service.js';
import { TrainingServiceDefinition } from '../../gen/replymesh/v1/training_service.js';
import type { MeshClient } from '../../lib/client.js';
import { type Served, serve } from '../../lib/server.js';
import type { AuditLog } from './auditLog.js';
import type { Cache } from './cache.js';
import { checkDrift, type DriftRule } from './checkDrift.js';
import { claimReview } from './claimReview.js';
import { compareBundles } from './compareBundles.js';
import type { ContentKeys } from './contentKeys.js';
import { createArticle } from './createArticle.js';
import { createInteraction } from './createInteraction.js';
import { deleteArticle } from './deleteArticle.js';
import type { Embedder } from './embedder.js';
import { ContextServiceDefinition } from './encodedPage.js';
import { eraseCustomer } from './eraseCustomer.js';
import { exportCustomer } from './exportCustomer.js';
import { exportTrainingRows } from './exportTrainingRows.js';
import type { FeatureStore } from './featureStore.js';
import { getArticle } from './getArticle.js';
import { getContext } from './getContext.js';
import { getCustomer } from './getCustomer.js';
import { getDecisionInputs } from './getDecisionInputs.js';
import { getDriftReport } from './getDriftReport.js';
import { getModelAgreement } from './getModelAgreement.js';
import { getQuery } from './getQuery.js';
import { getReview } from './getReview.js';
import { getSummary } from './getSummary.js';
import { getTimeSeries } from './getTimeSeries.js';
import { importArticles } from './importArticles.js';
import { listArticles } from './listArticles.js';
import { listAuditRecords } from './listAuditRecords.js';
import { listDriftReports } from './listDriftReports.js';
import { listKnowledgeGaps } from './listKnowledgeGaps.js';
import { listQueries } from './listQueries.js';
import { listReviews } from './listReviews.js';
import type { PseudonymOf } from './pseudonym.js';
import { recordDecision } from './recordDecision.js';
import { releaseRequest } from './releaseRequest.js';
import { reserveRequest } from './reserveRequest.js';
import { resolveReview } from './resolveReview.js';
import { searchArticles } from './searchArticles.js';
import { searchKnowledge } from './searchKnowledge.js';
import type { Store } from './store.js';
import { submitFeedback } from './submitFeedback.js';
import { updateArticle } from './updateArticle.js';
import { updateCustomer } from './updateCustomer.js';
import { updateInteraction } from './updateInteraction.js';
import { verifyAuditLog } from './verifyAuditLog.js';
import type { CountedWords } from './wordCounts.js';

interface Parts {
  readonly store: Store;
  readonly cache: Cache;
  readonly features: FeatureStore;
  readonly keys: ContentKeys;
  readonly audit: AuditLog;
  readonly pseudonymOf: PseudonymOf;
  readonly embedder: Embedder;
  readonly wordCounts: CountedWords;
  readonly inference: Pick<MeshClient<InferenceServiceDefinition>, 'embed' | 'describeBundle'>;
  readonly models: Pick<MeshClient<ModelServiceDefinition>, 'listBundles'>;
  /** Share of all messages that chance takes before a person. */
  readonly reviewSample: number;
  readonly driftRule: DriftRule;
  readonly now: () => Date;
}

const newLabelId = (): string => `lbl_${uuidv7()}`;

/** The services of this process. */
export const served = (parts: Parts): Served[] => [
  serve(ContextServiceDefinition, {
    getContext: getContext(parts),
    searchKnowledge: searchKnowledge(parts),
    reserveRequest: reserveRequest(parts),
    releaseRequest: releaseRequest(parts),
    recordDecision: recordDecision(parts),
    getQuery: getQuery(parts),
    getDecisionInputs: getDecisionInputs(parts),
    listQueries: listQueries(parts),
  }),
  serve(KnowledgeServiceDefinition, {
    createArticle: createArticle(parts),
    getArticle: getArticle(parts),
    listArticles: listArticles(parts),
    updateArticle: updateArticle(parts),
    deleteArticle: deleteArticle(parts),
    searchArticles: searchArticles(parts),
    importArticles: importArticles(parts),
  }),
  serve(FeedbackServiceDefinition, {
    submitFeedback: submitFeedback({ ...parts, newFeedbackId: () => `fbk_${uuidv7()}`, newLabelId }),
  }),
  serve(ReviewServiceDefinition, {
    listReviews: listReviews(parts),
    getReview: getReview(parts),
    claimReview: claimReview(parts),
    resolveReview: resolveReview({ ...parts, newLabelId }),
  }),
  serve(TrainingServiceDefinition, {
    exportTrainingRows: exportTrainingRows(parts),
  }),
  serve(AuditServiceDefinition, {
    listAuditRecords: listAuditRecords(parts),
    verifyAuditLog: verifyAuditLog(parts),
  }),
  serve(CustomerServiceDefinition, {
    getCustomer: getCustomer(parts),
    updateCustomer: updateCustomer(parts),
    createInteraction: createInteraction(parts),
    updateInteraction: updateInteraction(parts),
    exportCustomer: exportCustomer(parts),
    eraseCustomer: eraseCustomer(parts),
  }),
  serve(AnalyticsServiceDefinition, {
    getSummary: getSummary(parts),
    getTimeSeries: getTimeSeries(parts),
    getModelAgreement: getModelAgreement(parts),
    listKnowledgeGaps: listKnowledgeGaps(parts),
  }),
  serve(ModelMonitoringServiceDefinition, {
    checkDrift: checkDrift({ ...parts, rule: parts.driftRule, newReportId: () => `drf_${uuidv7()}` }),
    getDriftReport: getDriftReport(parts),
    listDriftReports: listDriftReports(parts),
    compareBundles: compareBundles(parts),
  }),
];
