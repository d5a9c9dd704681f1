-- Words of passages go into their index when they are stored: what waits to be entered is read by every search, after an import for as long as nobody vacuums.
ALTER INDEX "passages_words" SET (fastupdate = false);--> statement-breakpoint
SELECT gin_clean_pending_list('passages_words');
