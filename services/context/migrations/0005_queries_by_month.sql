-- drizzle cannot say PARTITION BY. A table that is there cannot become partitioned either: its rows move to a new one.
-- An owner that is no superuser would see none of them.
ALTER TABLE queries NO FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE queries RENAME TO queries_before;--> statement-breakpoint
ALTER TABLE queries_before DROP CONSTRAINT queries_tenant_id_pk;--> statement-breakpoint
DROP INDEX queries_created_at, queries_customer_id, queries_intent, queries_confidence;--> statement-breakpoint
CREATE TABLE queries (LIKE queries_before) PARTITION BY RANGE (created_at);--> statement-breakpoint
-- Whatever has no month of its own, so that no write ever fails for its time.
CREATE TABLE queries_default PARTITION OF queries DEFAULT;--> statement-breakpoint
DO $$
DECLARE
	month timestamp;
BEGIN
	-- A clock that was far off gets no month: its rows stay in the default.
	FOR month IN
		SELECT DISTINCT date_trunc('month', created_at AT TIME ZONE 'UTC') FROM queries_before
		WHERE created_at BETWEEN now() - interval '10 years' AND now() + interval '1 month'
	LOOP
		EXECUTE format(
			'CREATE TABLE %I PARTITION OF queries FOR VALUES FROM (%L) TO (%L)',
			'queries_' || to_char(month, 'YYYY_MM'), month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC'
		);
	END LOOP;
END
$$;--> statement-breakpoint
INSERT INTO queries SELECT * FROM queries_before;--> statement-breakpoint
DROP TABLE queries_before;--> statement-breakpoint
ALTER TABLE queries ADD CONSTRAINT queries_tenant_id_created_at_pk PRIMARY KEY (tenant, id, created_at);--> statement-breakpoint
CREATE INDEX queries_created_at ON queries USING btree (tenant, created_at, id);--> statement-breakpoint
CREATE INDEX queries_customer_id ON queries USING btree (tenant, customer_id, created_at, id);--> statement-breakpoint
CREATE INDEX queries_intent ON queries USING btree (tenant, intent, created_at, id);--> statement-breakpoint
CREATE INDEX queries_confidence ON queries USING btree (tenant, confidence);--> statement-breakpoint
CREATE POLICY own_tenant ON queries AS PERMISSIVE FOR ALL TO replymesh_app USING (tenant = current_setting('replymesh.tenant', true)) WITH CHECK (tenant = current_setting('replymesh.tenant', true));--> statement-breakpoint
CREATE POLICY every_tenant ON queries AS PERMISSIVE FOR ALL TO replymesh_background USING (true) WITH CHECK (true);--> statement-breakpoint
-- Partitions inherit neither policies nor grants. They get none, and row-level security all the same: nobody reaches one but through `queries`.
DO $$
DECLARE
	part regclass;
BEGIN
	FOR part IN SELECT relid FROM pg_partition_tree('queries') LOOP
		EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', part);
	END LOOP;
END
$$;
