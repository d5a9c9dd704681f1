import { bigint, doublePrecision, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { everyTenant, ownTenant, tenant, time } from './columns.js';

const count = (name: string) => bigint(name, { mode: 'number' }).notNull().default(0);
/** Rows in each bin, the first bin first. Bins of rows add up, so that percentiles of any period come from few rows. */
const histogram = (name: string) => bigint(name, { mode: 'number' }).array().notNull();
const sum = (name: string) => doublePrecision(name).notNull().default(0);

/** What happened in an hour, counted by everything that analytics asks by: days of it are read in the place of millions of queries. */
export const analyticsHourly = pgTable(
  'analytics_hourly',
  {
    tenant: tenant(),
    /** Its beginning. */
    hour: time('hour').notNull(),
    labelSpace: text('label_space').notNull(),
    intent: text('intent').notNull(),
    channel: text('channel').notNull(),
    action: text('action').notNull(),
    reason: text('reason').notNull(),
    modelVersion: text('model_version').notNull(),
    queries: count('queries'),
    confidenceSum: sum('confidence_sum'),
    /** 20 bins of 0.05. */
    confidenceHistogram: histogram('confidence_histogram'),
    /** Queries with an uncertainty: those that inference answered. */
    uncertaintyCount: count('uncertainty_count'),
    uncertaintySum: sum('uncertainty_sum'),
    /** 20 bins of 0.25 nats; the last is open. */
    uncertaintyHistogram: histogram('uncertainty_histogram'),
    responseTimeMsSum: sum('response_time_ms_sum'),
    /** 64 bins, four to each doubling: bin i ends at 2^((i + 1) / 4) milliseconds; the last is open. */
    responseTimeHistogram: histogram('response_time_histogram'),
    /** Queries with any feedback; the others are silent, which is not the same as content. */
    answered: count('answered'),
    /** Queries whose last feedback says resolved, and those whose last says that it is not. */
    resolved: count('resolved'),
    unresolved: count('unresolved'),
    /** From the query to the feedback that confirmed it, over `resolved`. */
    resolutionSecondsSum: sum('resolution_seconds_sum'),
    /** Queries by their last satisfaction, 1 to 5. */
    satisfactionHistogram: histogram('satisfaction_histogram'),
    /** Queries whose intent people corrected. */
    corrected: count('corrected'),
    updatedAt: time('updated_at').notNull(),
  },
  (t) => [
    // By its own name, which would be longer than Postgres takes.
    primaryKey({
      name: 'analytics_hourly_pk',
      columns: [t.tenant, t.hour, t.labelSpace, t.intent, t.channel, t.action, t.reason, t.modelVersion],
    }),
    ownTenant(),
    everyTenant(),
  ],
);
