CREATE TABLE "audit_heads" (
	"tenant" text PRIMARY KEY NOT NULL,
	"position" bigint NOT NULL,
	"hash" text NOT NULL,
	"mac" text NOT NULL
);
--> statement-breakpoint
ALTER TABLE "audit_heads" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "master_key_check" (
	"id" integer PRIMARY KEY DEFAULT 1 NOT NULL,
	"fingerprint" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "master_key_check_one" CHECK (id = 1)
);
--> statement-breakpoint
ALTER TABLE "master_key_check" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
-- What earlier versions have stored in clear moves aside as it is; the start that follows encrypts it and drops these tables (sealOldRows.ts).
-- An owner that is no superuser would see no row.
ALTER TABLE "customers" NO FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "queries" NO FORCE ROW LEVEL SECURITY;--> statement-breakpoint
DO $$
BEGIN
	IF EXISTS (SELECT FROM customers) OR EXISTS (SELECT FROM queries) THEN
		CREATE TABLE customers_unsealed AS TABLE customers;
		CREATE TABLE queries_unsealed AS TABLE queries;
	END IF;
END
$$;--> statement-breakpoint
TRUNCATE customers, queries;--> statement-breakpoint
ALTER TABLE "customers" FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "queries" FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "customers" ALTER COLUMN "display_name" SET DATA TYPE bytea USING ''::bytea;--> statement-breakpoint
ALTER TABLE "customers" ALTER COLUMN "facts" SET DATA TYPE bytea USING ''::bytea;--> statement-breakpoint
ALTER TABLE "queries" ALTER COLUMN "query_text" SET DATA TYPE bytea USING ''::bytea;--> statement-breakpoint
ALTER TABLE "queries" ALTER COLUMN "response_text" SET DATA TYPE bytea USING ''::bytea;--> statement-breakpoint
CREATE INDEX "audit_log_subject" ON "audit_log" USING btree ("tenant","subject","position");--> statement-breakpoint
CREATE POLICY "own_tenant" ON "audit_heads" AS PERMISSIVE FOR ALL TO "replymesh_app" USING (tenant = current_setting('replymesh.tenant', true)) WITH CHECK (tenant = current_setting('replymesh.tenant', true));--> statement-breakpoint
CREATE POLICY "every_tenant" ON "master_key_check" AS PERMISSIVE FOR ALL TO "replymesh_background" USING (true) WITH CHECK (true);--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE ON audit_heads TO replymesh_app;--> statement-breakpoint
GRANT SELECT, INSERT ON master_key_check TO replymesh_background;--> statement-breakpoint
-- An erasure takes the customer's id out of the events that still wait.
GRANT SELECT (tenant, event_id, payload), UPDATE (payload) ON outbox TO replymesh_app;--> statement-breakpoint
ALTER TABLE "audit_heads" FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "master_key_check" FORCE ROW LEVEL SECURITY;
