CREATE TABLE "analytics_counts" (
	"tenant" text NOT NULL,
	"grain" text NOT NULL,
	"starts_at" timestamp (3) with time zone NOT NULL,
	"label_space" text NOT NULL,
	"intent" text NOT NULL,
	"channel" text NOT NULL,
	"action" text NOT NULL,
	"reason" text NOT NULL,
	"model_version" text NOT NULL,
	"queries" bigint DEFAULT 0 NOT NULL,
	"understood" bigint DEFAULT 0 NOT NULL,
	"confidence_sum" double precision DEFAULT 0 NOT NULL,
	"uncertainty_sum" double precision DEFAULT 0 NOT NULL,
	"timed" bigint DEFAULT 0 NOT NULL,
	"response_time_ms_sum" double precision DEFAULT 0 NOT NULL,
	"with_feedback" bigint DEFAULT 0 NOT NULL,
	"resolved" bigint DEFAULT 0 NOT NULL,
	"unresolved" bigint DEFAULT 0 NOT NULL,
	"resolution_seconds_sum" double precision DEFAULT 0 NOT NULL,
	"satisfaction_count" bigint DEFAULT 0 NOT NULL,
	"satisfaction_sum" bigint DEFAULT 0 NOT NULL,
	"corrected" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "analytics_counts_pk" PRIMARY KEY("tenant","grain","starts_at","label_space","intent","channel","action","reason","model_version")
);
--> statement-breakpoint
ALTER TABLE "analytics_counts" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "analytics_histograms" (
	"tenant" text NOT NULL,
	"grain" text NOT NULL,
	"starts_at" timestamp (3) with time zone NOT NULL,
	"label_space" text NOT NULL,
	"intent" text NOT NULL,
	"channel" text NOT NULL,
	"confidence" bigint[] NOT NULL,
	"uncertainty" bigint[] NOT NULL,
	"response_time" bigint[] NOT NULL,
	CONSTRAINT "analytics_histograms_pk" PRIMARY KEY("tenant","grain","starts_at","label_space","intent","channel")
);
--> statement-breakpoint
ALTER TABLE "analytics_histograms" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "analytics_progress" (
	"tenant" text PRIMARY KEY NOT NULL,
	"transaction_id" "xid8" NOT NULL,
	"position" bigint NOT NULL,
	"recounting" boolean NOT NULL,
	"recount_tenant" text DEFAULT '' NOT NULL,
	"recount_from" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "analytics_progress" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "analytics_votes" (
	"tenant" text NOT NULL,
	"grain" text NOT NULL,
	"starts_at" timestamp (3) with time zone NOT NULL,
	"label_space" text NOT NULL,
	"model_version" text NOT NULL,
	"member" text NOT NULL,
	"votes" bigint DEFAULT 0 NOT NULL,
	"agreed" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "analytics_votes_pk" PRIMARY KEY("tenant","grain","starts_at","label_space","model_version","member")
);
--> statement-breakpoint
ALTER TABLE "analytics_votes" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
-- Nothing has ever written to it.
DROP TABLE "analytics_hourly";--> statement-breakpoint
ALTER TABLE "queries" ADD COLUMN "votes" jsonb;--> statement-breakpoint
CREATE INDEX "analytics_counts_age" ON "analytics_counts" USING brin ("starts_at");--> statement-breakpoint
CREATE INDEX "queries_gaps" ON "queries" USING btree ("tenant","intent","created_at","id") WHERE reason in ('NO_SOURCE', 'UNSUPPORTED_SENTENCE', 'OUT_OF_SCOPE');--> statement-breakpoint
CREATE POLICY "own_tenant" ON "analytics_counts" AS PERMISSIVE FOR ALL TO "replymesh_app" USING (tenant = current_setting('replymesh.tenant', true)) WITH CHECK (tenant = current_setting('replymesh.tenant', true));--> statement-breakpoint
CREATE POLICY "every_tenant" ON "analytics_counts" AS PERMISSIVE FOR ALL TO "replymesh_background" USING (true) WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "own_tenant" ON "analytics_histograms" AS PERMISSIVE FOR ALL TO "replymesh_app" USING (tenant = current_setting('replymesh.tenant', true)) WITH CHECK (tenant = current_setting('replymesh.tenant', true));--> statement-breakpoint
CREATE POLICY "every_tenant" ON "analytics_histograms" AS PERMISSIVE FOR ALL TO "replymesh_background" USING (true) WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "own_tenant" ON "analytics_progress" AS PERMISSIVE FOR ALL TO "replymesh_app" USING (tenant = '' or tenant = current_setting('replymesh.tenant', true)) WITH CHECK (tenant = current_setting('replymesh.tenant', true));--> statement-breakpoint
CREATE POLICY "every_tenant" ON "analytics_progress" AS PERMISSIVE FOR ALL TO "replymesh_background" USING (true) WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "own_tenant" ON "analytics_votes" AS PERMISSIVE FOR ALL TO "replymesh_app" USING (tenant = current_setting('replymesh.tenant', true)) WITH CHECK (tenant = current_setting('replymesh.tenant', true));--> statement-breakpoint
CREATE POLICY "every_tenant" ON "analytics_votes" AS PERMISSIVE FOR ALL TO "replymesh_background" USING (true) WITH CHECK (true);--> statement-breakpoint
-- What is stored already is counted by the first start; what comes from now on, by its events.
INSERT INTO analytics_progress (tenant, transaction_id, position, recounting, recount_from) VALUES ('', pg_snapshot_xmin(pg_current_snapshot()), 0, true, '-infinity');--> statement-breakpoint
-- The rows of this hour and this day change every few seconds: room in their pages keeps that out of the indexes.
ALTER TABLE analytics_counts SET (fillfactor = 50);--> statement-breakpoint
ALTER TABLE analytics_histograms SET (fillfactor = 50);--> statement-breakpoint
ALTER TABLE analytics_votes SET (fillfactor = 50);--> statement-breakpoint
-- A summary reads the roll-ups and the events after them.
GRANT SELECT ON analytics_counts, analytics_histograms, analytics_votes, analytics_progress TO replymesh_app;--> statement-breakpoint
GRANT SELECT (tenant, event_id, transaction_id, position, type, subject, payload) ON outbox TO replymesh_app;--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON analytics_counts, analytics_histograms, analytics_votes TO replymesh_background;--> statement-breakpoint
GRANT SELECT, UPDATE ON analytics_progress TO replymesh_background;--> statement-breakpoint
GRANT SELECT (votes) ON queries TO replymesh_background;--> statement-breakpoint
-- Without FORCE the owner of the tables would see every tenant's rows.
ALTER TABLE analytics_counts FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE analytics_histograms FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE analytics_progress FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE analytics_votes FORCE ROW LEVEL SECURITY;
