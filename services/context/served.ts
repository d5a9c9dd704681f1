import { v7 as uuidv7 } from 'uuid';
import type { InferenceServiceDefinition } from '../../gen/replymesh/inference/v1/inference_service.js';
import { AnalyticsServiceDefinition } from '../../gen/replymesh/v1/analytics_service.js';
import { AuditServiceDefinition } from '../../gen/replymesh/v1/audit_service.js';
import { CustomerServiceDefinition } from '../../gen/replymesh/v1/customer_service.js';
import { FeedbackServiceDefinition } from '../../gen/replymesh/v1/feedback_service.js';
import { KnowledgeServiceDefinition } from '../../gen/replymesh/v1/knowledge_service.js';
import { ModelMonitoringServiceDefinition } from '../../gen/replymesh/v1/model_monitoring_service.js';
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
  /** Share of all messages that chance takes before a person. */
  readonly reviewSample: number;
  readonly driftRule: DriftRule;
  readonly now: () => Date;
}

const newLabelId = (): string => `lbl_${uuidv7()}`;

/** Customers: who they are, what happened with them, and all that is held about one. */
const ofCustomers = (parts: Pick<Parts, 'store' | 'cache' | 'features' | 'keys' | 'audit' | 'now'>) => ({
  getCustomer: getCustomer(parts),
  updateCustomer: updateCustomer(parts),
  createInteraction: createInteraction(parts),
  updateInteraction: updateInteraction(parts),
  exportCustomer: exportCustomer(parts),
  eraseCustomer: eraseCustomer(parts),
});

/** The services of this process. */
export const served = ({
  store,
  cache,
  features,
  keys,
  audit,
  pseudonymOf,
  embedder,
  wordCounts,
  inference,
  reviewSample,
  driftRule,
  now,
}: Parts): Served[] => [
  serve(ContextServiceDefinition, {
    getContext: getContext({ store, cache, features, keys, now }),
    searchKnowledge: searchKnowledge({ store, wordCounts, now }),
    reserveRequest: reserveRequest({ store, keys, now }),
    releaseRequest: releaseRequest({ store }),
    recordDecision: recordDecision({ store, cache, features, keys, audit, reviewSample, now }),
    getQuery: getQuery({ store, keys }),
    getDecisionInputs: getDecisionInputs({ store, keys }),
    listQueries: listQueries({ store, keys }),
  }),
  serve(KnowledgeServiceDefinition, {
    createArticle: createArticle({ store, audit, embedder, now }),
    getArticle: getArticle({ store }),
    listArticles: listArticles({ store, now }),
    updateArticle: updateArticle({ store, audit, embedder, now }),
    deleteArticle: deleteArticle({ store, audit, now }),
    searchArticles: searchArticles({ store, inference, wordCounts, now }),
    importArticles: importArticles({ store, audit, embedder, now }),
  }),
  serve(FeedbackServiceDefinition, {
    submitFeedback: submitFeedback({ store, cache, features, keys, audit, now, newFeedbackId: () => `fbk_${uuidv7()}`, newLabelId }),
  }),
  serve(ReviewServiceDefinition, {
    listReviews: listReviews({ store, keys, now }),
    getReview: getReview({ store, keys }),
    claimReview: claimReview({ store, keys, now }),
    resolveReview: resolveReview({ store, keys, audit, inference, now, newLabelId }),
  }),
  serve(TrainingServiceDefinition, {
    exportTrainingRows: exportTrainingRows({ store, keys, audit, inference, pseudonymOf, now }),
  }),
  serve(AuditServiceDefinition, {
    listAuditRecords: listAuditRecords({ store }),
    verifyAuditLog: verifyAuditLog({ store, audit }),
  }),
  serve(CustomerServiceDefinition, ofCustomers({ store, cache, features, keys, audit, now })),
  serve(AnalyticsServiceDefinition, {
    getSummary: getSummary({ store, now }),
    getTimeSeries: getTimeSeries({ store, now }),
    getModelAgreement: getModelAgreement({ store, now }),
    listKnowledgeGaps: listKnowledgeGaps({ store, now }),
  }),
  serve(ModelMonitoringServiceDefinition, {
    checkDrift: checkDrift({ store, keys, inference, rule: driftRule, now, newReportId: () => `drf_${uuidv7()}` }),
    getDriftReport: getDriftReport({ store }),
    listDriftReports: listDriftReports({ store }),
    compareBundles: compareBundles({ store }),
  }),
];
