CREATE TABLE "articles" (
	"tenant" text NOT NULL,
	"id" text NOT NULL,
	"title" text NOT NULL,
	"body" text NOT NULL,
	"language" text NOT NULL,
	"audience" text NOT NULL,
	"intents" text[] NOT NULL,
	"version" bigint NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "articles_tenant_id_pk" PRIMARY KEY("tenant","id")
);
--> statement-breakpoint
ALTER TABLE "articles" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "customers" (
	"tenant" text NOT NULL,
	"id" text NOT NULL,
	"display_name" text NOT NULL,
	"tier" text NOT NULL,
	"language" text NOT NULL,
	"facts" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "customers_tenant_id_pk" PRIMARY KEY("tenant","id")
);
--> statement-breakpoint
ALTER TABLE "customers" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "feedback" (
	"tenant" text NOT NULL,
	"id" text NOT NULL,
	"query_id" text NOT NULL,
	"request_id" text NOT NULL,
	"satisfaction" integer,
	"resolved" boolean,
	"corrected_intent" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "feedback_tenant_id_pk" PRIMARY KEY("tenant","id")
);
--> statement-breakpoint
ALTER TABLE "feedback" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "interactions" (
	"tenant" text NOT NULL,
	"id" text NOT NULL,
	"customer_id" text NOT NULL,
	"type" text NOT NULL,
	"summary" text NOT NULL,
	"resolution_status" text NOT NULL,
	"satisfaction_score" integer,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "interactions_tenant_id_pk" PRIMARY KEY("tenant","id")
);
--> statement-breakpoint
ALTER TABLE "interactions" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "outbox" (
	"position" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "outbox_position_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"tenant" text NOT NULL,
	"type" text NOT NULL,
	"subject" text NOT NULL,
	"payload" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"relayed_at" timestamp (3) with time zone
);
--> statement-breakpoint
ALTER TABLE "outbox" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "passages" (
	"tenant" text NOT NULL,
	"id" text NOT NULL,
	"article_id" text NOT NULL,
	"title" text NOT NULL,
	"text" text NOT NULL,
	"text_sha256" text NOT NULL,
	"language" text NOT NULL,
	"audience" text NOT NULL,
	"intents" text[] NOT NULL,
	"words" "tsvector" GENERATED ALWAYS AS (setweight(to_tsvector(case when language ~ '^(en|$)' then 'english'::regconfig else 'simple'::regconfig end, title), 'A') || setweight(to_tsvector(case when language ~ '^(en|$)' then 'english'::regconfig else 'simple'::regconfig end, text), 'B')) STORED,
	"embedding" real[],
	"bundle_digest" text,
	CONSTRAINT "passages_tenant_id_pk" PRIMARY KEY("tenant","id")
);
--> statement-breakpoint
ALTER TABLE "passages" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "queries" (
	"tenant" text NOT NULL,
	"id" text NOT NULL,
	"request_id" text NOT NULL,
	"customer_id" text NOT NULL,
	"session_id" text NOT NULL,
	"query_text" text NOT NULL,
	"label_space" text NOT NULL,
	"intent" text NOT NULL,
	"sentiment" text NOT NULL,
	"confidence" double precision NOT NULL,
	"priority" text NOT NULL,
	"priority_score" double precision NOT NULL,
	"action" text NOT NULL,
	"reason" text NOT NULL,
	"response_text" text NOT NULL,
	"response_time_ms" double precision NOT NULL,
	"escalation_needed" boolean NOT NULL,
	"uncertainty_score" double precision,
	"channel" text NOT NULL,
	"customer_tier" text NOT NULL,
	"model_version" text NOT NULL,
	"record" "bytea" NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "queries_tenant_id_pk" PRIMARY KEY("tenant","id")
);
--> statement-breakpoint
ALTER TABLE "queries" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "request_reservations" (
	"tenant" text NOT NULL,
	"request_id" text NOT NULL,
	"fingerprint" text NOT NULL,
	"query_id" text NOT NULL,
	"completed" boolean NOT NULL,
	"lease_until" timestamp (3) with time zone NOT NULL,
	"honoured_until" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "request_reservations_tenant_request_id_pk" PRIMARY KEY("tenant","request_id")
);
--> statement-breakpoint
ALTER TABLE "request_reservations" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "feedback" ADD CONSTRAINT "feedback_tenant_query_id_queries_tenant_id_fk" FOREIGN KEY ("tenant","query_id") REFERENCES "public"."queries"("tenant","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "passages" ADD CONSTRAINT "passages_tenant_article_id_articles_tenant_id_fk" FOREIGN KEY ("tenant","article_id") REFERENCES "public"."articles"("tenant","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "feedback_request_id" ON "feedback" USING btree ("tenant","query_id","request_id") WHERE request_id <> '';--> statement-breakpoint
CREATE INDEX "interactions_customer" ON "interactions" USING btree ("tenant","customer_id","created_at");--> statement-breakpoint
CREATE INDEX "outbox_waiting" ON "outbox" USING btree ("position") WHERE relayed_at is null;--> statement-breakpoint
CREATE INDEX "passages_article" ON "passages" USING btree ("tenant","article_id");--> statement-breakpoint
CREATE INDEX "passages_words" ON "passages" USING gin ("words");--> statement-breakpoint
CREATE INDEX "queries_created_at" ON "queries" USING btree ("tenant","created_at","id");--> statement-breakpoint
CREATE INDEX "queries_customer_id" ON "queries" USING btree ("tenant","customer_id","created_at","id");--> statement-breakpoint
CREATE INDEX "queries_intent" ON "queries" USING btree ("tenant","intent","created_at","id");--> statement-breakpoint
CREATE INDEX "queries_confidence" ON "queries" USING btree ("tenant","confidence");--> statement-breakpoint
CREATE INDEX "request_reservations_honoured_until" ON "request_reservations" USING btree ("honoured_until");--> statement-breakpoint
CREATE POLICY "own_tenant" ON "articles" AS PERMISSIVE FOR ALL TO "replymesh_app" USING (tenant = current_setting('replymesh.tenant', true)) WITH CHECK (tenant = current_setting('replymesh.tenant', true));--> statement-breakpoint
CREATE POLICY "own_tenant" ON "customers" AS PERMISSIVE FOR ALL TO "replymesh_app" USING (tenant = current_setting('replymesh.tenant', true)) WITH CHECK (tenant = current_setting('replymesh.tenant', true));--> statement-breakpoint
CREATE POLICY "own_tenant" ON "feedback" AS PERMISSIVE FOR ALL TO "replymesh_app" USING (tenant = current_setting('replymesh.tenant', true)) WITH CHECK (tenant = current_setting('replymesh.tenant', true));--> statement-breakpoint
CREATE POLICY "own_tenant" ON "interactions" AS PERMISSIVE FOR ALL TO "replymesh_app" USING (tenant = current_setting('replymesh.tenant', true)) WITH CHECK (tenant = current_setting('replymesh.tenant', true));--> statement-breakpoint
CREATE POLICY "own_tenant" ON "outbox" AS PERMISSIVE FOR ALL TO "replymesh_app" USING (tenant = current_setting('replymesh.tenant', true)) WITH CHECK (tenant = current_setting('replymesh.tenant', true));--> statement-breakpoint
CREATE POLICY "every_tenant" ON "outbox" AS PERMISSIVE FOR ALL TO "replymesh_background" USING (true) WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "own_tenant" ON "passages" AS PERMISSIVE FOR ALL TO "replymesh_app" USING (tenant = current_setting('replymesh.tenant', true)) WITH CHECK (tenant = current_setting('replymesh.tenant', true));--> statement-breakpoint
CREATE POLICY "every_tenant" ON "passages" AS PERMISSIVE FOR ALL TO "replymesh_background" USING (true) WITH CHECK (true);--> statement-breakpoint
CREATE POLICY "own_tenant" ON "queries" AS PERMISSIVE FOR ALL TO "replymesh_app" USING (tenant = current_setting('replymesh.tenant', true)) WITH CHECK (tenant = current_setting('replymesh.tenant', true));--> statement-breakpoint
CREATE POLICY "own_tenant" ON "request_reservations" AS PERMISSIVE FOR ALL TO "replymesh_app" USING (tenant = current_setting('replymesh.tenant', true)) WITH CHECK (tenant = current_setting('replymesh.tenant', true));--> statement-breakpoint
CREATE POLICY "every_tenant" ON "request_reservations" AS PERMISSIVE FOR ALL TO "replymesh_background" USING (true) WITH CHECK (true);