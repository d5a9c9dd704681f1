-- Roles belong to the whole server: another database on it may have them already, or make them at this moment.
DO $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY ARRAY['replymesh_app', 'replymesh_background'] LOOP
		BEGIN
			IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
				EXECUTE format('CREATE ROLE %I NOLOGIN', name);
			END IF;
		EXCEPTION WHEN duplicate_object OR unique_violation THEN
			NULL;
		END;
		IF NOT pg_has_role(current_user, name, 'MEMBER') THEN
			EXECUTE format('GRANT %I TO CURRENT_USER', name);
		END IF;
	END LOOP;
END
$$;
