-- A row for each action and reason made a month of them too many to read: they are columns now, and everything is counted anew.
TRUNCATE analytics_counts, analytics_histograms, analytics_votes;--> statement-breakpoint
ALTER TABLE "analytics_counts" DROP CONSTRAINT "analytics_counts_pk";--> statement-breakpoint
ALTER TABLE "analytics_counts" DROP COLUMN "action";--> statement-breakpoint
ALTER TABLE "analytics_counts" DROP COLUMN "reason";--> statement-breakpoint
ALTER TABLE "analytics_counts" DROP COLUMN "model_version";--> statement-breakpoint
ALTER TABLE "analytics_counts" ADD COLUMN "auto" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "analytics_counts" ADD COLUMN "draft" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "analytics_counts" ADD COLUMN "escalated" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "analytics_counts" ADD COLUMN "no_source" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "analytics_counts" ADD COLUMN "unsupported_sentence" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "analytics_counts" ADD COLUMN "out_of_scope" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "analytics_counts" ADD CONSTRAINT "analytics_counts_pk" PRIMARY KEY("tenant","grain","starts_at","label_space","intent","channel");--> statement-breakpoint
-- An owner that is no superuser would see no row.
ALTER TABLE analytics_progress NO FORCE ROW LEVEL SECURITY;--> statement-breakpoint
UPDATE analytics_progress SET transaction_id = pg_snapshot_xmin(pg_current_snapshot()), position = 0, recounting = true, recount_tenant = '', recount_from = '-infinity';--> statement-breakpoint
ALTER TABLE analytics_progress FORCE ROW LEVEL SECURITY;
