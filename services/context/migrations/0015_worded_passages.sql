-- Row-level security keeps an index on words from being used: `@@` could tell of another tenant's rows before the policy has hidden them.
-- So that a search reads the index all the same, it goes through this one function, which runs as the role that sees every tenant and names the
-- caller's itself. No more than 1,000 passages are ranked, so that no message can make a search long.
-- In a schema of its own, because a new owner has to be one who could have made the function, and who migrates may have no say in `public`.
CREATE SCHEMA replymesh_search;--> statement-breakpoint
GRANT USAGE ON SCHEMA replymesh_search TO replymesh_app;--> statement-breakpoint
GRANT CREATE ON SCHEMA replymesh_search TO replymesh_background;--> statement-breakpoint
-- A plan for any tenant would be one for a small or a large tenant alone.
CREATE FUNCTION replymesh_search.worded_passages(candidates tsquery, asked tsquery, for_agents boolean, readable_at timestamptz, depth integer)
RETURNS TABLE (id text, article_id text, title text, text text, text_sha256 text, intents text[])
LANGUAGE sql STABLE SECURITY DEFINER PARALLEL RESTRICTED ROWS 20
SET search_path = public, pg_temp SET plan_cache_mode = force_custom_plan
AS $$
	SELECT c.id, c.article_id, c.title, c.text, c.text_sha256, c.intents
	FROM (
		SELECT p.id, p.article_id, p.title, p.text, p.text_sha256, p.intents, p.words
		FROM passages p
		WHERE p.tenant = current_setting('replymesh.tenant', true) AND p.words @@ candidates
			AND (for_agents OR (p.audience = 'PUBLIC' AND (p.stale_at IS NULL OR p.stale_at > readable_at)))
		LIMIT 1000
	) c
	ORDER BY ts_rank(c.words, asked) DESC, c.id
	LIMIT depth
$$;--> statement-breakpoint
REVOKE ALL ON FUNCTION replymesh_search.worded_passages FROM PUBLIC;--> statement-breakpoint
GRANT EXECUTE ON FUNCTION replymesh_search.worded_passages TO replymesh_app;--> statement-breakpoint
-- The role that reads passages of every tenant to embed them.
ALTER FUNCTION replymesh_search.worded_passages OWNER TO replymesh_background;
