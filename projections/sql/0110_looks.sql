-- Who looked at whom: one line per data subject per look, in the form of the Logboek Dataverwerkingen. Append-only.
CREATE SCHEMA looks;

CREATE TABLE looks.look (
    trace_id               bytea NOT NULL CHECK (length(trace_id) = 16),
    span_id                bytea NOT NULL CHECK (length(span_id) = 8),
    status                 text NOT NULL,
    name                   text NOT NULL,
    start_time             timestamptz NOT NULL,
    end_time               timestamptz NOT NULL,
    processing_activity_id text NOT NULL,
    data_subject_id        bytea,       -- keyed hash; null: the look showed nobody
    data_subject_id_type   text NOT NULL,
    organisation           text NOT NULL,
    role                   text NOT NULL,
    purpose                text NOT NULL,
    fields                 text[] NOT NULL,
    PRIMARY KEY (trace_id, span_id)
);
CREATE INDEX look_subject ON looks.look (data_subject_id, start_time);

ALTER TABLE looks.look ENABLE ROW LEVEL SECURITY;
ALTER TABLE looks.look FORCE ROW LEVEL SECURITY;
GRANT USAGE ON SCHEMA looks TO woonketen_gate;
GRANT INSERT ON looks.look TO woonketen_gate;
GRANT SELECT ON looks.look TO woonketen_looks;
CREATE POLICY write ON looks.look FOR INSERT TO woonketen_gate WITH CHECK (true);

CREATE FUNCTION gate.looks_id(ref bytea) RETURNS bytea STABLE LANGUAGE sql
RETURN (SELECT sha256(i.salt || ref) FROM gate.installation i);

-- The caller's own id among the looks; null for who is no resident.
CREATE FUNCTION gate.my_looks_id() RETURNS bytea STABLE SECURITY DEFINER LANGUAGE sql
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT gate.looks_id(v.ref) FROM gate.viewer v WHERE v.rolname = gate.caller();
END;

CREATE POLICY own ON looks.look FOR SELECT TO woonketen_looks USING (
    data_subject_id = (SELECT gate.my_looks_id())
    OR (SELECT role FROM gate.viewer WHERE rolname = current_user) = 'steward');

CREATE FUNCTION gate.write_look(who gate.viewer, seen text, refs bytea[], fields text[]) RETURNS bigint
VOLATILE LANGUAGE plpgsql AS $$
DECLARE
    trace bytea := uuid_send(gen_random_uuid());
    lines bigint;
BEGIN
    INSERT INTO looks.look
    SELECT trace, substr(uuid_send(gen_random_uuid()), 1, 8), 'Ok', 'view ' || seen, now(), clock_timestamp(),
           'urn:woonketen:view:' || seen, gate.looks_id(r), 'keyed hash of the resident''s reference',
           who.org, who.role, who.purpose, fields
      FROM (SELECT DISTINCT r FROM unnest(refs) AS u(r)
            UNION ALL SELECT NULL WHERE cardinality(refs) = 0) AS subjects;
    GET DIAGNOSTICS lines = ROW_COUNT;
    RETURN lines;
END
$$;

-- The record of a look at these rows of a view, by the caller and nobody else. It finds the residents itself: the
-- caller's rows carry no reference. Returns the number of lines.
CREATE FUNCTION gate.record_look(seen text, ids bytea[], fields text[]) RETURNS bigint
VOLATILE SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who gate.viewer;
    refs bytea[] := '{}';
BEGIN
    SELECT * INTO STRICT who FROM gate.viewer v WHERE v.rolname = gate.caller();
    IF seen IN ('bewoner', 'coach', 'casusregisseur', 'wijkteam', 'corporatie', 'zorgaanbieder', 'vrijwilliger',
                'warnings') THEN
        EXECUTE format('SELECT coalesce(array_agg(DISTINCT v_ref), ''{}'') FROM %I.%I WHERE v_id = ANY ($1)',
                       (SELECT s.name FROM gate.set s WHERE s.live), seen) INTO refs USING ids;
    ELSIF seen NOT IN ('complex', 'steward_feeds', 'steward_refusals', 'steward_proofs') THEN
        RAISE EXCEPTION 'no such view' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN gate.write_look(who, seen, refs, fields);
END
$$;

-- The same for what the program itself computed from the log for a viewer (`explain`, `--known-on`).
CREATE FUNCTION gate.record_look_at(viewer name, seen text, refs bytea[], fields text[]) RETURNS bigint
VOLATILE SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who gate.viewer;
BEGIN
    SELECT * INTO STRICT who FROM gate.viewer v WHERE v.rolname = viewer;
    RETURN gate.write_look(who, seen, refs, fields);
END
$$;

ALTER FUNCTION gate.my_looks_id OWNER TO woonketen_gate;
ALTER FUNCTION gate.record_look OWNER TO woonketen_gate;
ALTER FUNCTION gate.record_look_at OWNER TO woonketen_gate;
REVOKE EXECUTE ON FUNCTION gate.my_looks_id, gate.record_look, gate.record_look_at, gate.write_look, gate.looks_id
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.write_look, gate.looks_id TO woonketen_gate;
GRANT EXECUTE ON FUNCTION gate.my_looks_id, gate.record_look TO woonketen_viewer;
GRANT EXECUTE ON FUNCTION gate.record_look_at TO woonketen_processor;

CREATE SCHEMA view_looks;
GRANT USAGE ON SCHEMA view_looks TO woonketen_looks;
CREATE VIEW view_looks.looks WITH (security_invoker = true, security_barrier = true) AS
    SELECT to_char(start_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS at, organisation, role, purpose, fields
      FROM looks.look;
CREATE VIEW view_looks.ldv WITH (security_invoker = true, security_barrier = true) AS
    SELECT encode(trace_id, 'hex') AS trace_id, encode(span_id, 'hex') AS span_id, status, name, start_time, end_time,
           processing_activity_id, encode(data_subject_id, 'hex') AS data_subject_id, data_subject_id_type,
           organisation, role, purpose, fields
      FROM looks.look;
GRANT SELECT ON view_looks.looks, view_looks.ldv TO woonketen_looks;
