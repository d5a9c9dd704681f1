import { sql } from 'drizzle-orm';
import { boolean, check, doublePrecision, index, integer, jsonb, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { bytea, everyTenant, ownTenant, ownTenantOrMesh, tenant, time } from './columns.js';

/** What people said a message was about. No foreign key to queries: those are partitioned, and go by whole months. */
export const labels = pgTable(
  'labels',
  {
    tenant: tenant(),
    id: text('id').notNull(),
    queryId: text('query_id').notNull(),
    labelSpace: text('label_space').notNull(),
    label: text('label').notNull(),
    source: text('source').$type<'feedback' | 'review'>().notNull(),
    /** Calibration uses the random ones alone: what was chosen because the models were unsure of it is no fair sample. */
    drawn: text('drawn').$type<'random' | 'chosen'>().notNull(),
    labelledBy: text('labelled_by').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenant, t.id] }),
    index('labels_query').on(t.tenant, t.queryId),
    index('labels_label_space').on(t.tenant, t.labelSpace, t.createdAt),
    index('labels_age').using('brin', t.createdAt),
    check('labels_source', sql`source in ('feedback', 'review')`),
    check('labels_drawn', sql`drawn in ('random', 'chosen')`),
    ownTenant(),
    everyTenant(),
  ],
);

/** What a person has to look at, and what they said: a row for each message that came before one. */
export const reviews = pgTable(
  'reviews',
  {
    tenant: tenant(),
    queryId: text('query_id').notNull(),
    labelSpace: text('label_space').notNull(),
    action: text('action').notNull(),
    /** 0 (urgent) to 4 (not known): its place in the queue. */
    rank: integer('rank').notNull(),
    /** How much a label would teach, nats. */
    information: doublePrecision('information').notNull(),
    drawn: text('drawn').$type<'random' | 'chosen'>().notNull(),
    /** Who works on it, or did; empty when nobody. */
    claimedBy: text('claimed_by').notNull(),
    claimedUntil: time('claimed_until'),
    /** Null while it waits. */
    outcome: text('outcome').$type<'APPROVED' | 'EDITED' | 'REJECTED'>(),
    /** What the message is about; empty when nobody said. */
    label: text('label').notNull(),
    /** Encrypted under the customer's key; null unless it was edited. */
    editedReply: bytea('edited_reply'),
    /** Of the request that resolved it. */
    requestId: text('request_id').notNull(),
    resolvedBy: text('resolved_by').notNull(),
    resolvedAt: time('resolved_at'),
    /** When the message was accepted, as in `queries`. */
    createdAt: time('created_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenant, t.queryId] }),
    index('reviews_urgency').on(t.tenant, t.rank, t.createdAt, t.queryId).where(sql`outcome is null`),
    index('reviews_information').on(t.tenant, t.information, t.queryId).where(sql`outcome is null`),
    index('reviews_age').using('brin', t.createdAt),
    check('reviews_outcome', sql`outcome in ('APPROVED', 'EDITED', 'REJECTED')`),
    check('reviews_drawn', sql`drawn in ('random', 'chosen')`),
    ownTenant(),
    everyTenant(),
  ],
);

/** What a challenger would have answered, and what the champion did: of its own, so that comparing them reads no message. */
export const shadowPredictions = pgTable(
  'shadow_predictions',
  {
    tenant: tenant(),
    queryId: text('query_id').notNull(),
    /** SHA-256 of the challenger's manifest. */
    bundleDigest: text('bundle_digest').notNull(),
    labelSpace: text('label_space').notNull(),
    intent: text('intent').notNull(),
    /** SHA-256 of the champion's manifest, and its first intent: of the message, as it was answered. Empty in rows of a version before, which count no more. */
    championDigest: text('champion_digest').notNull().default(''),
    championIntent: text('champion_intent').notNull().default(''),
    confidence: doublePrecision('confidence').notNull(),
    /** Predictive entropy in nats. */
    uncertainty: doublePrecision('uncertainty').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenant, t.queryId, t.bundleDigest] }),
    // Holds all that is counted. Nearly all entries are alike, which takes little room.
    index('shadow_predictions_pair').on(t.tenant, t.bundleDigest, t.championDigest, t.labelSpace, t.championIntent, t.intent),
    index('shadow_predictions_age').using('brin', t.createdAt),
    ownTenant(),
    everyTenant(),
  ],
);

/** How far a window of a tenant's traffic is from what the bundle was fitted on. */
export const driftReports = pgTable(
  'drift_reports',
  {
    tenant: tenant(),
    id: text('id').notNull(),
    modelName: text('model_name').notNull(),
    modelVersion: text('model_version').notNull(),
    labelSpace: text('label_space').notNull(),
    windowStart: time('window_start').notNull(),
    windowEnd: time('window_end').notNull(),
    score: doublePrecision('score').notNull(),
    /** Each measure with its value and limit; numbers and labels, no customer's text. */
    report: jsonb('report').$type<Record<string, unknown>>().notNull(),
    drifted: boolean('drifted').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenant, t.id] }),
    index('drift_reports_created_at').on(t.tenant, t.createdAt),
    ownTenant(),
    everyTenant(),
  ],
);

/** One measured figure of a model. Tenant '' is the mesh's own: what was measured before any tenant's traffic. */
export const modelPerformance = pgTable(
  'model_performance',
  {
    tenant: tenant(),
    id: text('id').notNull(),
    modelName: text('model_name').notNull(),
    /** SHA-256 of the bundle's manifest, as in queries. */
    modelVersion: text('model_version').notNull(),
    metricName: text('metric_name').notNull(),
    metricValue: doublePrecision('metric_value').notNull(),
    evaluationDate: time('evaluation_date').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenant, t.id] }),
    index('model_performance_model').on(t.tenant, t.modelName, t.metricName, t.evaluationDate),
    ownTenantOrMesh(),
    everyTenant(),
  ],
);
