import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  customType,
  doublePrecision,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import { bytea, everyTenant, ownTenant, tenant, time } from './columns.js';

/** Dimension of the embeddings that the vector index holds. */
export const EMBEDDING_DIMENSION = 384;

const tsvector = customType<{ data: string }>({ dataType: () => 'tsvector' });
/** `real[]` as generated; `vectorColumn.ts` makes it `vector(384)` with its index where the server has pgvector. */
const embedding = customType<{ data: string }>({ dataType: () => 'real[]' });

/** Who a customer is, as another system tells it. */
export const customers = pgTable(
  'customers',
  {
    tenant: tenant(),
    id: text('id').notNull(),
    /** Encrypted under the customer's key. */
    displayName: bytea('display_name').notNull(),
    tier: text('tier').notNull(),
    language: text('language').notNull(),
    /** `[{ key, value, type }]` in JSON, at most one for each key; encrypted under the customer's key. */
    facts: bytea('facts').notNull(),
    createdAt: time('created_at').notNull(),
    updatedAt: time('updated_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenant, t.id] }), ownTenant()],
);

/**
 * What happened with a customer, a line for each matter: every message of theirs, and what other systems brought. Their behaviour is counted from it.
 * No foreign key to customers: somebody may write before anybody has stored a profile.
 */
export const customerHistory = pgTable(
  'customer_history',
  {
    tenant: tenant(),
    id: text('id').notNull(),
    customerId: text('customer_id').notNull(),
    /** `QUERY` for a message, whose id the line has; else what the other system calls it. */
    interactionType: text('interaction_type').notNull(),
    /** The likeliest intent of a message; what another system said is encrypted under the customer's key: `sealed:` and base64. */
    summary: text('summary').notNull(),
    /** How far it got; feedback or the other system changes it, except that what was escalated stays so. */
    resolutionStatus: text('resolution_status').notNull(),
    /** 1 to 5, from feedback or the other system. */
    satisfactionScore: integer('satisfaction_score'),
    createdAt: time('created_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenant, t.id] }),
    index('customer_history_customer').on(t.tenant, t.customerId, t.createdAt),
    index('customer_history_age').using('brin', t.createdAt),
    ownTenant(),
    everyTenant(),
  ],
);

/** A number for each customer whose profile or lines in `customer_history` the mesh has changed. It grows with each change: by it, what was read or counted of them before is known to be out of date. */
export const customerVersions = pgTable(
  'customer_versions',
  {
    tenant: tenant(),
    customerId: text('customer_id').notNull(),
    /** Microseconds since 1970 of the last change, at least one more than before. */
    version: bigint('version', { mode: 'number' }).notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenant, t.customerId] }), ownTenant(), everyTenant()],
);

/** What a reply may rest on. */
export const articles = pgTable(
  'articles',
  {
    tenant: tenant(),
    id: text('id').notNull(),
    title: text('title').notNull(),
    body: text('body').notNull(),
    language: text('language').notNull(),
    audience: text('audience').notNull(),
    intents: text('intents').array().notNull(),
    version: bigint('version', { mode: 'number' }).notNull(),
    /** File or address that it was imported from; empty when it was written by hand. */
    source: text('source').notNull().default(''),
    /** SHA-256 of what stood there, lower-case hexadecimal: the same again is no new version. */
    sourceSha256: text('source_sha256').notNull().default(''),
    /** From when on no customer is shown it. */
    staleAt: time('stale_at'),
    createdAt: time('created_at').notNull(),
    updatedAt: time('updated_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenant, t.id] }), ownTenant()],
);

/** Language, audience, intents and the time of staleness are the article's, repeated here so that a search reads one table. */
export const passages = pgTable(
  'passages',
  {
    tenant: tenant(),
    id: text('id').notNull(),
    articleId: text('article_id').notNull(),
    title: text('title').notNull(),
    text: text('text').notNull(),
    textSha256: text('text_sha256').notNull(),
    language: text('language').notNull(),
    audience: text('audience').notNull(),
    intents: text('intents').array().notNull(),
    staleAt: time('stale_at'),
    words: tsvector('words').generatedAlwaysAs(
      sql`setweight(to_tsvector(case when language ~ '^(en|$)' then 'english'::regconfig else 'simple'::regconfig end, title), 'A') || setweight(to_tsvector(case when language ~ '^(en|$)' then 'english'::regconfig else 'simple'::regconfig end, text), 'B')`,
    ),
    embedding: embedding('embedding'),
    /** What made the embedding: its encoder's digest. The column has its name from the time when every bundle had an encoder of its own. */
    encoderDigest: text('bundle_digest'),
  },
  (t) => [
    primaryKey({ columns: [t.tenant, t.id] }),
    foreignKey({ columns: [t.tenant, t.articleId], foreignColumns: [articles.tenant, articles.id] }).onDelete('cascade'),
    index('passages_article').on(t.tenant, t.articleId),
    // Every search would read what waits to be entered, after an import for as long as nobody vacuums.
    index('passages_words').using('gin', t.words).with({ fastupdate: false }),
    ownTenant(),
    everyTenant(),
  ],
);

/** Reasons of decisions that more or better articles would have changed. Written out, so that Postgres sees that the index below serves. */
export const GAP_REASONS = `('NO_SOURCE', 'UNSUPPORTED_SENTENCE', 'OUT_OF_SCOPE')`;

/**
 * One row for each message. `record` is the whole `replymesh.type.v1.Query`; the columns beside it are what lists and analytics ask for.
 * Partitioned by the month of `created_at` (`queryPartitions.ts`), which drizzle cannot say: the migration does. That is the time of acceptance inside
 * the record, so that a record sent twice is one row though its time is part of the key.
 */
export const queries = pgTable(
  'queries',
  {
    tenant: tenant(),
    id: text('id').notNull(),
    requestId: text('request_id').notNull(),
    customerId: text('customer_id').notNull(),
    sessionId: text('session_id').notNull(),
    /** The message; encrypted under the customer's key, as the reply and the record. */
    queryText: bytea('query_text').notNull(),
    labelSpace: text('label_space').notNull(),
    intent: text('intent').notNull(),
    sentiment: text('sentiment').notNull(),
    confidence: doublePrecision('confidence').notNull(),
    priority: text('priority').notNull(),
    priorityScore: doublePrecision('priority_score').notNull(),
    action: text('action').notNull(),
    reason: text('reason').notNull(),
    responseText: bytea('response_text').notNull(),
    responseTimeMs: doublePrecision('response_time_ms').notNull(),
    escalationNeeded: boolean('escalation_needed').notNull(),
    /** Predictive entropy in nats; null without inference. */
    uncertaintyScore: doublePrecision('uncertainty_score'),
    channel: text('channel').notNull(),
    customerTier: text('customer_tier').notNull(),
    /** SHA-256 of the bundle's manifest. */
    modelVersion: text('model_version').notNull(),
    record: bytea('record').notNull(),
    createdAt: time('created_at').notNull(),
    updatedAt: time('updated_at').notNull(),
    /** First choice of each base model, by the model's name; null without inference. */
    votes: jsonb('votes').$type<Readonly<Record<string, string>>>(),
    /** `replymesh.type.v1.DecisionInputs`: what the decision was made from beside the record; encrypted as that. Null where a version before recorded it. */
    inputs: bytea('inputs'),
  },
  (t) => [
    primaryKey({ columns: [t.tenant, t.id, t.createdAt] }),
    index('queries_created_at').on(t.tenant, t.createdAt, t.id),
    index('queries_customer_id').on(t.tenant, t.customerId, t.createdAt, t.id),
    index('queries_intent').on(t.tenant, t.intent, t.createdAt, t.id),
    index('queries_confidence').on(t.tenant, t.confidence),
    index('queries_gaps')
      .on(t.tenant, t.intent, t.createdAt, t.id)
      .where(sql.raw(`reason in ${GAP_REASONS}`)),
    ownTenant(),
    everyTenant(),
  ],
);

/** Who answers, or has answered, a caller's request id. */
export const requestReservations = pgTable(
  'request_reservations',
  {
    tenant: tenant(),
    requestId: text('request_id').notNull(),
    fingerprint: text('fingerprint').notNull(),
    queryId: text('query_id').notNull(),
    completed: boolean('completed').notNull(),
    leaseUntil: time('lease_until').notNull(),
    /** After this the id is as good as new. */
    honouredUntil: time('honoured_until').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenant, t.requestId] }),
    index('request_reservations_honoured_until').on(t.honouredUntil),
    ownTenant(),
    everyTenant(),
  ],
);

/** No foreign key to queries: their key has a time in it that feedback does not know. */
export const feedback = pgTable(
  'feedback',
  {
    tenant: tenant(),
    id: text('id').notNull(),
    queryId: text('query_id').notNull(),
    requestId: text('request_id').notNull(),
    satisfaction: integer('satisfaction'),
    resolved: boolean('resolved'),
    /** A label of the message's space, or `other`; empty when nothing was said. The words themselves stand encrypted in the audit log. */
    correctedIntent: text('corrected_intent').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenant, t.id] }),
    uniqueIndex('feedback_request_id').on(t.tenant, t.queryId, t.requestId).where(sql`request_id <> ''`),
    index('feedback_query').on(t.tenant, t.queryId),
    index('feedback_age').using('brin', t.createdAt),
    ownTenant(),
    everyTenant(),
  ],
);
