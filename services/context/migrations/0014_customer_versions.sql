CREATE TABLE "customer_versions" (
	"tenant" text NOT NULL,
	"customer_id" text NOT NULL,
	"version" bigint NOT NULL,
	CONSTRAINT "customer_versions_tenant_customer_id_pk" PRIMARY KEY("tenant","customer_id")
);
--> statement-breakpoint
ALTER TABLE "customer_versions" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE POLICY "own_tenant" ON "customer_versions" AS PERMISSIVE FOR ALL TO "replymesh_app" USING (tenant = current_setting('replymesh.tenant', true)) WITH CHECK (tenant = current_setting('replymesh.tenant', true));--> statement-breakpoint
CREATE POLICY "every_tenant" ON "customer_versions" AS PERMISSIVE FOR ALL TO "replymesh_background" USING (true) WITH CHECK (true);--> statement-breakpoint
-- Without FORCE the owner of the tables would see every tenant's rows.
ALTER TABLE customer_versions FORCE ROW LEVEL SECURITY;--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON customer_versions TO replymesh_app;--> statement-breakpoint
-- Retention takes old lines out of histories: whose they were, so that what was counted of them is known to be out of date. The right to update is that to lock.
GRANT SELECT, UPDATE, DELETE ON customer_versions TO replymesh_background;--> statement-breakpoint
GRANT SELECT (tenant, customer_id) ON customer_history TO replymesh_background;
