-- Roles belong to the whole server, so another database on it may have made them, or be making them now. None may log in.
-- woonketen_processor writes; woonketen_gate owns the functions that may look behind the rows; woonketen_viewer is what
-- all view groups have in common; woonketen_<view> is the group that may read one view.
DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY[
        'processor', 'gate', 'viewer', 'bewoner', 'coach', 'casusregisseur', 'wijkteam', 'corporatie', 'zorgaanbieder',
        'vrijwilliger', 'warnings', 'complex', 'steward_feeds', 'steward_refusals', 'steward_proofs', 'looks']
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'woonketen_' || role) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', 'woonketen_' || role);
        END IF;
        IF role NOT IN ('processor', 'gate', 'viewer')
            AND NOT pg_has_role('woonketen_' || role, 'woonketen_viewer', 'MEMBER')
        THEN
            EXECUTE format('GRANT woonketen_viewer TO %I', 'woonketen_' || role);
        END IF;
        -- An owner that is no superuser must be able to step into the roles that it makes things for.
        IF role IN ('processor', 'gate') AND NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', 'woonketen_' || role);
        END IF;
    END LOOP;
END
$$;
