CREATE TABLE "analytics_hourly" (
	"tenant" text NOT NULL,
	"hour" timestamp (3) with time zone NOT NULL,
	"label_space" text NOT NULL,
	"intent" text NOT NULL,
	"channel" text NOT NULL,
	"action" text NOT NULL,
	"reason" text NOT NULL,
	"model_version" text NOT NULL,
	"queries" bigint DEFAULT 0 NOT NULL,
	"confidence_sum" double precision DEFAULT 0 NOT NULL,
	"confidence_histogram" bigint[] NOT NULL,
	"uncertainty_count" bigint DEFAULT 0 NOT NULL,
	"uncertainty_sum" double precision DEFAULT 0 NOT NULL,
	"uncertainty_histogram" bigint[] NOT NULL,
	"response_time_ms_sum" double precision DEFAULT 0 NOT NULL,
	"response_time_histogram" bigint[] NOT NULL,
	"answered" bigint DEFAULT 0 NOT NULL,
	"resolved" bigint DEFAULT 0 NOT NULL,
	"unresolved" bigint DEFAULT 0 NOT NULL,
	"resolution_seconds_sum" double precision DEFAULT 0 NOT NULL,
	"satisfaction_histogram" bigint[] NOT NULL,
	"corrected" bigint DEFAULT 0 NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "analytics_hourly_pk" PRIMARY KEY("tenant","hour","label_space","intent","channel","action","reason","model_version")
);
--> statement-breakpoint
ALTER TABLE "analytics_hourly" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "audit_log" (
	"tenant" text NOT NULL,
	"position" bigint NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"actor" text NOT NULL,
	"action" text NOT NULL,
	"subject" text NOT NULL,
	"detail" jsonb NOT NULL,
	"payload" "bytea",
	"previous_hash" text NOT NULL,
	"hash" text NOT NULL,
	CONSTRAINT "audit_log_tenant_position_pk" PRIMARY KEY("tenant","position")
);
--> statement-breakpoint
ALTER TABLE "audit_log" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "customer_keys" (
	"tenant" text NOT NULL,
	"customer_id" text NOT NULL,
	"wrapped_key" "bytea" NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "customer_keys_tenant_customer_id_pk" PRIMARY KEY("tenant","customer_id")
);
--> statement-breakpoint
ALTER TABLE "customer_keys" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "drift_reports" (
	"tenant" text NOT NULL,
	"id" text NOT NULL,
	"model_name" text NOT NULL,
	"model_version" text NOT NULL,
	"label_space" text NOT NULL,
	"window_start" timestamp (3) with time zone NOT NULL,
	"window_end" timestamp (3) with time zone NOT NULL,
	"score" double precision NOT NULL,
	"report" jsonb NOT NULL,
	"drifted" boolean NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "drift_reports_tenant_id_pk" PRIMARY KEY("tenant","id")
);
--> statement-breakpoint
ALTER TABLE "drift_reports" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "labels" (
	"tenant" text NOT NULL,
	"id" text NOT NULL,
	"query_id" text NOT NULL,
	"label_space" text NOT NULL,
	"label" text NOT NULL,
	"source" text NOT NULL,
	"drawn" text NOT NULL,
	"labelled_by" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "labels_tenant_id_pk" PRIMARY KEY("tenant","id"),
	CONSTRAINT "labels_source" CHECK (source in ('feedback', 'review')),
	CONSTRAINT "labels_drawn" CHECK (drawn in ('random', 'chosen'))
);
--> statement-breakpoint
ALTER TABLE "labels" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "model_performance" (
	"tenant" text NOT NULL,
	"id" text NOT NULL,
	"model_name" text NOT NULL,
	"model_version" text NOT NULL,
	"metric_name" text NOT NULL,
	"metric_value" double precision NOT NULL,
	"evaluation_date" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "model_performance_tenant_id_pk" PRIMARY KEY("tenant","id")
);
--> statement-breakpoint
ALTER TABLE "model_performance" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "shadow_predictions" (
	"tenant" text NOT NULL,
	"query_id" text NOT NULL,
	"bundle_digest" text NOT NULL,
	"label_space" text NOT NULL,
	"intent" text NOT NULL,
	"confidence" double precision NOT NULL,
	"uncertainty" double precision NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "shadow_predictions_tenant_query_id_bundle_digest_pk" PRIMARY KEY("tenant","query_id","bundle_digest")
);
--> statement-breakpoint
ALTER TABLE "shadow_predictions" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "dead_letters" (
	"sink" text NOT NULL,
	"position" bigint NOT NULL,
	"event_id" text NOT NULL,
	"tenant" text NOT NULL,
	"type" text NOT NULL,
	"error" text NOT NULL,
	"attempts" integer NOT NULL,
	"dead_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "dead_letters_sink_position_pk" PRIMARY KEY("sink","position")
);
--> statement-breakpoint
ALTER TABLE "dead_letters" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "relay_cursors" (
	"sink" text PRIMARY KEY NOT NULL,
	"transaction_id" "xid8" NOT NULL,
	"position" bigint NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "relay_cursors" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "interactions" RENAME TO "customer_history";--> statement-breakpoint
ALTER TABLE "customer_history" RENAME COLUMN "type" TO "interaction_type";--> statement-breakpoint
ALTER TABLE "feedback" DROP CONSTRAINT "feedback_tenant_query_id_queries_tenant_id_fk";
--> statement-breakpoint
ALTER INDEX "interactions_customer" RENAME TO "customer_history_customer";--> statement-breakpoint
DROP INDEX "outbox_waiting";--> statement-breakpoint
ALTER TABLE "customer_history" RENAME CONSTRAINT "interactions_tenant_id_pk" TO "customer_history_tenant_id_pk";--> statement-breakpoint
ALTER TABLE "articles" ADD COLUMN "source" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "articles" ADD COLUMN "source_sha256" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "articles" ADD COLUMN "stale_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "outbox" ADD COLUMN "event_id" text;--> statement-breakpoint
-- An owner that is no superuser would see no rows to fill.
ALTER TABLE "outbox" NO FORCE ROW LEVEL SECURITY;--> statement-breakpoint
UPDATE "outbox" SET "event_id" = "type" || '/' || "subject";--> statement-breakpoint
ALTER TABLE "outbox" FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "outbox" ALTER COLUMN "event_id" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "outbox" ADD COLUMN "transaction_id" "xid8" DEFAULT pg_current_xact_id() NOT NULL;--> statement-breakpoint
CREATE INDEX "drift_reports_created_at" ON "drift_reports" USING btree ("tenant","created_at");--> statement-breakpoint
CREATE INDEX "labels_query" ON "labels" USING btree ("tenant","query_id");--> statement-breakpoint
CREATE INDEX "labels_label_space" ON "labels" USING btree ("tenant","label_space","created_at");--> statement-breakpoint
CREATE INDEX "labels_age" ON "labels" USING brin ("created_at");--> statement-breakpoint
CREATE INDEX "model_performance_model" ON "model_performance" USING btree ("tenant","model_name","metric_name","evaluation_date");--> statement-breakpoint
CREATE INDEX "shadow_predictions_bundle" ON "shadow_predictions" USING btree ("tenant","bundle_digest","created_at");--> statement-breakpoint
CREATE INDEX "shadow_predictions_age" ON "shadow_predictions" USING brin ("created_at");--> statement-breakpoint
CREATE INDEX "feedback_query" ON "feedback" USING btree ("tenant","query_id");--> statement-breakpoint
CREATE INDEX "feedback_age" ON "feedback" USING brin ("created_at");--> statement-breakpoint
CREATE INDEX "customer_history_age" ON "customer_history" USING brin ("created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "outbox_event_id" ON "outbox" USING btree ("tenant","event_id");--> statement-breakpoint
CREATE INDEX "outbox_order" ON "outbox" USING btree ("transaction_id","position");--> statement-breakpoint
ALTER TABLE "outbox" DROP COLUMN "relayed_at";--> statement-breakpoint
CREATE POLICY "every_tenant" ON "feedback" AS PERMISSIVE FOR ALL TO "replymesh_background" USING (true) WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "every_tenant" ON "customer_history" AS PERMISSIVE FOR ALL TO "replymesh_background" USING (true) WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "own_tenant" ON "analytics_hourly" AS PERMISSIVE FOR ALL TO "replymesh_app" USING (tenant = current_setting('replymesh.tenant', true)) WITH CHECK (tenant = current_setting('replymesh.tenant', true));--> statement-breakpoint
CREATE POLICY "every_tenant" ON "analytics_hourly" AS PERMISSIVE FOR ALL TO "replymesh_background" USING (true) WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "own_tenant" ON "audit_log" AS PERMISSIVE FOR ALL TO "replymesh_app" USING (tenant = current_setting('replymesh.tenant', true)) WITH CHECK (tenant = current_setting('replymesh.tenant', true));--> statement-breakpoint
CREATE POLICY "own_tenant" ON "customer_keys" AS PERMISSIVE FOR ALL TO "replymesh_app" USING (tenant = current_setting('replymesh.tenant', true)) WITH CHECK (tenant = current_setting('replymesh.tenant', true));--> statement-breakpoint
CREATE POLICY "own_tenant" ON "drift_reports" AS PERMISSIVE FOR ALL TO "replymesh_app" USING (tenant = current_setting('replymesh.tenant', true)) WITH CHECK (tenant = current_setting('replymesh.tenant', true));--> statement-breakpoint
CREATE POLICY "own_tenant" ON "labels" AS PERMISSIVE FOR ALL TO "replymesh_app" USING (tenant = current_setting('replymesh.tenant', true)) WITH CHECK (tenant = current_setting('replymesh.tenant', true));--> statement-breakpoint
CREATE POLICY "every_tenant" ON "labels" AS PERMISSIVE FOR ALL TO "replymesh_background" USING (true) WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "own_tenant" ON "model_performance" AS PERMISSIVE FOR ALL TO "replymesh_app" USING (tenant = '' or tenant = current_setting('replymesh.tenant', true)) WITH CHECK (tenant = current_setting('replymesh.tenant', true));--> statement-breakpoint
CREATE POLICY "every_tenant" ON "model_performance" AS PERMISSIVE FOR ALL TO "replymesh_background" USING (true) WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "own_tenant" ON "shadow_predictions" AS PERMISSIVE FOR ALL TO "replymesh_app" USING (tenant = current_setting('replymesh.tenant', true)) WITH CHECK (tenant = current_setting('replymesh.tenant', true));--> statement-breakpoint
CREATE POLICY "every_tenant" ON "shadow_predictions" AS PERMISSIVE FOR ALL TO "replymesh_background" USING (true) WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "every_tenant" ON "dead_letters" AS PERMISSIVE FOR ALL TO "replymesh_background" USING (true) WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "every_tenant" ON "relay_cursors" AS PERMISSIVE FOR ALL TO "replymesh_background" USING (true) WITH CHECK (true);