GRANT SELECT, INSERT, UPDATE, DELETE ON queries, customer_keys TO replymesh_app;--> statement-breakpoint
GRANT SELECT, INSERT, DELETE ON labels, shadow_predictions TO replymesh_app;--> statement-breakpoint
-- Added and read, never changed.
GRANT SELECT, INSERT ON audit_log, drift_reports, model_performance TO replymesh_app;--> statement-breakpoint
GRANT SELECT ON analytics_hourly TO replymesh_app;--> statement-breakpoint
-- Numbers and labels of every tenant for the roll-ups; no word of a customer, and not who it was.
GRANT SELECT (tenant, id, label_space, intent, sentiment, confidence, priority, priority_score, action, reason, response_time_ms, escalation_needed, uncertainty_score, channel, customer_tier, model_version, created_at, updated_at) ON queries TO replymesh_background;--> statement-breakpoint
GRANT SELECT (tenant, id, query_id, satisfaction, resolved, corrected_intent, created_at) ON feedback TO replymesh_background;--> statement-breakpoint
-- What retention needs: which rows are old, and to delete them.
GRANT SELECT (ctid, created_at), DELETE ON queries, feedback, customer_history, labels, shadow_predictions TO replymesh_background;--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON analytics_hourly, relay_cursors, dead_letters TO replymesh_background;--> statement-breakpoint
GRANT SELECT, INSERT ON model_performance TO replymesh_background;--> statement-breakpoint
-- Nothing of an event changes; how far relays are is theirs.
REVOKE UPDATE ON outbox FROM replymesh_background;--> statement-breakpoint
GRANT INSERT ON outbox TO replymesh_background;--> statement-breakpoint
-- Without FORCE the owner of the tables would see every tenant's rows.
ALTER TABLE analytics_hourly FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE audit_log FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE customer_keys FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE dead_letters FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE drift_reports FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE labels FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE model_performance FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE relay_cursors FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE shadow_predictions FORCE ROW LEVEL SECURITY;
