CREATE POLICY "every_tenant" ON "drift_reports" AS PERMISSIVE FOR ALL TO "replymesh_background" USING (true) WITH CHECK (true);--> statement-breakpoint
GRANT SELECT ON drift_reports TO replymesh_background;
