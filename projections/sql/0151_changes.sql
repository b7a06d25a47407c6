-- Whose rows changed, told to who listens: a keyed hash for each owner of rows, never a row, a name or a resident. A
-- trigger of the tables of a set (ddl.py) calls it, once a statement; the other set changes unheard.
-- By role, so that who sees all rows of a view in an organisation hears nothing of what its coaches see of a person who is
-- not in that view; of warnings it is the role that each line is for.
CREATE FUNCTION gate.change_key(role text, org text, worker text, ref bytea) RETURNS text STABLE LANGUAGE sql
RETURN (SELECT left(encode(sha256(i.salt || convert_to(role || '|' || coalesce(org, '') || '|' || coalesce(worker, '') || '|'
            || coalesce(encode(ref, 'hex'), ''), 'UTF8')), 'hex'), 24)
          FROM gate.installation i);

-- A coach waits for the own rows and those without a worker, an organisation for all of its own, a resident for his.
CREATE FUNCTION gate.change_keys(viewer name) RETURNS SETOF text STABLE SECURITY DEFINER LANGUAGE sql
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT gate.change_key(
               v.role,
               CASE WHEN v.ref IS NULL THEN v.org END,
               CASE WHEN v.role IN ('coach', 'casusregisseur', 'vrijwilliger') THEN v.worker END,
               v.ref)
      FROM gate.viewer v WHERE v.rolname = viewer;
END;

CREATE FUNCTION gate.tell_changes() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    keys text[];
BEGIN
    IF NOT EXISTS (SELECT FROM gate.set s WHERE s.live AND s.name = TG_TABLE_SCHEMA) THEN
        RETURN NULL;
    END IF;
    IF TG_ARGV[0] = 'resident' THEN
        SELECT array_agg(gate.change_key(TG_TABLE_NAME::text, NULL, NULL, r)) INTO keys
          FROM (SELECT DISTINCT v_ref FROM changed LIMIT 201) AS c(r);
    ELSIF TG_TABLE_NAME = 'warnings' THEN
        SELECT array_agg(k) INTO keys FROM (
            SELECT gate.change_key(t, o, w, NULL) AS k
              FROM (SELECT DISTINCT v_role, v_org, v_worker FROM changed LIMIT 201) AS c(t, o, w) WHERE w IS NOT NULL
            UNION
            SELECT gate.change_key(t, o, NULL, NULL) FROM (SELECT DISTINCT v_role, v_org FROM changed LIMIT 201) AS c(t, o)
        ) AS found;
    ELSE
        SELECT array_agg(k) INTO keys FROM (
            SELECT gate.change_key(TG_TABLE_NAME::text, o, w, NULL) AS k
              FROM (SELECT DISTINCT v_org, v_worker FROM changed LIMIT 201) AS c(o, w) WHERE w IS NOT NULL
            UNION
            SELECT gate.change_key(TG_TABLE_NAME::text, o, NULL, NULL) FROM (SELECT DISTINCT v_org FROM changed LIMIT 201) AS c(o)
        ) AS found;
    END IF;
    IF cardinality(keys) > 200 THEN
        PERFORM pg_notify('woonketen_shown', '*');
    ELSIF keys IS NOT NULL THEN
        PERFORM pg_notify('woonketen_shown', k) FROM unnest(keys) AS k;
    END IF;
    RETURN NULL;
END
$$;
ALTER FUNCTION gate.change_keys OWNER TO woonketen_gate;
ALTER FUNCTION gate.tell_changes OWNER TO woonketen_gate;
REVOKE EXECUTE ON FUNCTION gate.change_key, gate.change_keys, gate.tell_changes FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.change_key TO woonketen_gate;
GRANT EXECUTE ON FUNCTION gate.change_keys, gate.tell_changes TO woonketen_processor;
