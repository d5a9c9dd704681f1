CREATE TABLE "reviews" (
	"tenant" text NOT NULL,
	"query_id" text NOT NULL,
	"label_space" text NOT NULL,
	"action" text NOT NULL,
	"rank" integer NOT NULL,
	"information" double precision NOT NULL,
	"drawn" text NOT NULL,
	"claimed_by" text NOT NULL,
	"claimed_until" timestamp (3) with time zone,
	"outcome" text,
	"label" text NOT NULL,
	"edited_reply" "bytea",
	"request_id" text NOT NULL,
	"resolved_by" text NOT NULL,
	"resolved_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "reviews_tenant_query_id_pk" PRIMARY KEY("tenant","query_id"),
	CONSTRAINT "reviews_outcome" CHECK (outcome in ('APPROVED', 'EDITED', 'REJECTED')),
	CONSTRAINT "reviews_drawn" CHECK (drawn in ('random', 'chosen'))
);
--> statement-breakpoint
ALTER TABLE "reviews" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE INDEX "reviews_urgency" ON "reviews" USING btree ("tenant","rank","created_at","query_id") WHERE outcome is null;--> statement-breakpoint
CREATE INDEX "reviews_information" ON "reviews" USING btree ("tenant","information","query_id") WHERE outcome is null;--> statement-breakpoint
CREATE INDEX "reviews_age" ON "reviews" USING brin ("created_at");--> statement-breakpoint
CREATE POLICY "own_tenant" ON "reviews" AS PERMISSIVE FOR ALL TO "replymesh_app" USING (tenant = current_setting('replymesh.tenant', true)) WITH CHECK (tenant = current_setting('replymesh.tenant', true));--> statement-breakpoint
CREATE POLICY "every_tenant" ON "reviews" AS PERMISSIVE FOR ALL TO "replymesh_background" USING (true) WITH CHECK (true);--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON reviews TO replymesh_app;--> statement-breakpoint
-- What retention needs: which rows are old, and to delete them.
GRANT SELECT (ctid, created_at), DELETE ON reviews TO replymesh_background;--> statement-breakpoint
ALTER TABLE reviews FORCE ROW LEVEL SECURITY;
