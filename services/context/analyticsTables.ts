import { bigint, boolean, doublePrecision, index, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import type { Grain } from './analyticsPeriod.js';
import { everyTenant, ownTenant, ownTenantOrMesh, tenant, time, xid8 } from './columns.js';

const count = (name: string) => bigint(name, { mode: 'number' }).notNull().default(0);
/** Queries in each bin, the lowest first. Bins of rows add up, so that percentiles of any period come from few rows. */
const histogram = (name: string) => bigint(name, { mode: 'number' }).array().notNull();
const sum = (name: string) => doublePrecision(name).notNull().default(0);

/**
 * How many messages there were of each kind, and sums over them: counts alone, of no one customer. Made from the outbox (`rollUpEvents.ts`).
 * Each message is in its hour and in its day, so that a month is read as days and its edges as hours.
 */
export const analyticsCounts = pgTable(
  'analytics_counts',
  {
    tenant: tenant(),
    /** `hour` or `day`, UTC. */
    grain: text('grain').$type<Grain>().notNull(),
    /** Beginning of it. */
    startsAt: time('starts_at').notNull(),
    labelSpace: text('label_space').notNull(),
    intent: text('intent').notNull(),
    channel: text('channel').notNull(),
    queries: count('queries'),
    /** By action. */
    auto: count('auto'),
    draft: count('draft'),
    escalated: count('escalated'),
    /** By reason: those that articles could have changed. */
    noSource: count('no_source'),
    unsupportedSentence: count('unsupported_sentence'),
    outOfScope: count('out_of_scope'),
    /** Those that the models answered; the sums of confidence and uncertainty are over them. */
    understood: count('understood'),
    confidenceSum: sum('confidence_sum'),
    /** Nats. */
    uncertaintySum: sum('uncertainty_sum'),
    /** Those whose response time is known. */
    timed: count('timed'),
    responseTimeMsSum: sum('response_time_ms_sum'),
    /** Those with any feedback. The others are silent, which is not the same as content. */
    withFeedback: count('with_feedback'),
    /** Those whose last word on it says resolved, and those whose last word says that it is not. */
    resolved: count('resolved'),
    unresolved: count('unresolved'),
    /** From the message to that word, over `resolved`. */
    resolutionSecondsSum: sum('resolution_seconds_sum'),
    /** Those with a word on satisfaction; the sum is of the last words. */
    satisfactionCount: count('satisfaction_count'),
    satisfactionSum: count('satisfaction_sum'),
    /** Those where people named another intent. */
    corrected: count('corrected'),
  },
  (t) => [
    // By its own name, which would be longer than Postgres takes.
    primaryKey({ name: 'analytics_counts_pk', columns: [t.tenant, t.grain, t.startsAt, t.labelSpace, t.intent, t.channel] }),
    index('analytics_counts_age').using('brin', t.startsAt),
    ownTenant(),
    everyTenant(),
  ],
);

/** How confidence, uncertainty and response time are spread (`analyticsBins.ts`). Apart from the counts because feedback, however late, changes those alone. */
export const analyticsHistograms = pgTable(
  'analytics_histograms',
  {
    tenant: tenant(),
    /** As in `analytics_counts`. */
    grain: text('grain').$type<Grain>().notNull(),
    startsAt: time('starts_at').notNull(),
    labelSpace: text('label_space').notNull(),
    intent: text('intent').notNull(),
    channel: text('channel').notNull(),
    confidence: histogram('confidence'),
    uncertainty: histogram('uncertainty'),
    responseTime: histogram('response_time'),
  },
  (t) => [
    primaryKey({
      name: 'analytics_histograms_pk',
      columns: [t.tenant, t.grain, t.startsAt, t.labelSpace, t.intent, t.channel],
    }),
    ownTenant(),
    everyTenant(),
  ],
);

/** How often each base model's first choice was the decision's. */
export const analyticsVotes = pgTable(
  'analytics_votes',
  {
    tenant: tenant(),
    /** As in `analytics_counts`. */
    grain: text('grain').$type<Grain>().notNull(),
    startsAt: time('starts_at').notNull(),
    labelSpace: text('label_space').notNull(),
    modelVersion: text('model_version').notNull(),
    member: text('member').notNull(),
    votes: count('votes'),
    agreed: count('agreed'),
  },
  (t) => [
    primaryKey({ name: 'analytics_votes_pk', columns: [t.tenant, t.grain, t.startsAt, t.labelSpace, t.modelVersion, t.member] }),
    ownTenant(),
    everyTenant(),
  ],
);

/** How far the roll-ups are: one row, of tenant ''. Everything in the outbox up to its place is in them, and nothing after it. */
export const analyticsProgress = pgTable(
  'analytics_progress',
  {
    tenant: tenant().primaryKey(),
    transactionId: xid8('transaction_id').notNull(),
    position: bigint('position', { mode: 'number' }).notNull(),
    /** Whether everything that is stored is to be counted anew. */
    recounting: boolean('recounting').notNull(),
    /** Where that goes on: tenants by name, and hour by hour of each. */
    recountTenant: text('recount_tenant').notNull().default(''),
    recountFrom: time('recount_from').notNull(),
  },
  () => [ownTenantOrMesh(), everyTenant()],
);
