-- What the champion said stands beside what its challenger did, so that comparing the two reads no message. Rows of before stay as they are, for export and
-- erasure, and count no more: filling them would read every message.
DROP INDEX "shadow_predictions_bundle";--> statement-breakpoint
ALTER TABLE "shadow_predictions" ADD COLUMN "champion_digest" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "shadow_predictions" ADD COLUMN "champion_intent" text DEFAULT '' NOT NULL;--> statement-breakpoint
CREATE INDEX "shadow_predictions_pair" ON "shadow_predictions" USING btree ("tenant","bundle_digest","champion_digest","label_space","champion_intent","intent");
