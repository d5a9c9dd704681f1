-- Not every database lets everybody use `public`.
GRANT USAGE ON SCHEMA public TO replymesh_app, replymesh_background;--> statement-breakpoint
GRANT SELECT, INSERT, UPDATE, DELETE ON articles, customers, feedback, interactions, passages, queries, request_reservations TO replymesh_app;--> statement-breakpoint
-- The application announces; only the mesh's own work carries on from there.
GRANT INSERT ON outbox TO replymesh_app;--> statement-breakpoint
GRANT SELECT, UPDATE, DELETE ON outbox TO replymesh_background;--> statement-breakpoint
GRANT SELECT, UPDATE ON passages TO replymesh_background;--> statement-breakpoint
GRANT SELECT, DELETE ON request_reservations TO replymesh_background;--> statement-breakpoint
-- Without FORCE the owner of the tables would see every tenant's rows.
ALTER TABLE articles FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE customers FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE feedback FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE interactions FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE outbox FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE passages FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE queries FORCE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE request_reservations FORCE ROW LEVEL SECURITY;
