-- Row-level security keeps an index on words from being used: `@@` could tell of another tenant's rows before the policy has hidden them.
-- So that a search reads the index all the same, it goes through this one function, which runs as the role that sees every tenant and names the
-- caller's itself. No more than 1,000 passages are ranked, so that no message can make a search long.
CREATE FUNCTION worded_passages(candidates tsquery, asked tsquery, for_agents boolean, readable_at timestamptz, depth integer)
RETURNS TABLE (id text, article_id text, title text, text text, text_sha256 text, intents text[])
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp
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
REVOKE ALL ON FUNCTION worded_passages FROM PUBLIC;--> statement-breakpoint
GRANT EXECUTE ON FUNCTION worded_passages TO replymesh_app;--> statement-breakpoint
-- The role that reads passages of every tenant to embed them. A new owner has to be one who could have made the function.
GRANT CREATE ON SCHEMA public TO replymesh_background;--> statement-breakpoint
ALTER FUNCTION worded_passages OWNER TO replymesh_background;--> statement-breakpoint
REVOKE CREATE ON SCHEMA public FROM replymesh_background;
