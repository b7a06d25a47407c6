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

-- One authorization decision per request, in the form of the Authorization Decision Log: asked by whom (role and
-- organisation), for what, by which rules, and the answer. A denial is a decision like another, so its status is Ok.
-- `trace_id` is that of the lines of looks.look.
CREATE TABLE looks.decision (
    trace_id   bytea PRIMARY KEY CHECK (length(trace_id) = 16),
    span_id    bytea NOT NULL CHECK (length(span_id) = 8),
    event_name text NOT NULL,
    at         timestamptz NOT NULL,
    status     text NOT NULL,
    policies   text NOT NULL,
    request    jsonb NOT NULL,
    response   jsonb NOT NULL
);
-- Which person it was, kept apart: nobody reads it but gate.who_looked, for a steward with a reason.
CREATE TABLE looks.viewer (
    trace_id bytea PRIMARY KEY CHECK (length(trace_id) = 16),
    rolname  name NOT NULL
);
ALTER TABLE looks.decision ENABLE ROW LEVEL SECURITY;
ALTER TABLE looks.decision FORCE ROW LEVEL SECURITY;
ALTER TABLE looks.viewer ENABLE ROW LEVEL SECURITY;
ALTER TABLE looks.viewer FORCE ROW LEVEL SECURITY;
GRANT INSERT ON looks.decision TO woonketen_gate;
GRANT INSERT, SELECT ON looks.viewer TO woonketen_gate;
GRANT SELECT ON looks.look TO woonketen_gate;
GRANT SELECT ON looks.decision TO woonketen_looks;
CREATE POLICY write ON looks.decision FOR INSERT TO woonketen_gate WITH CHECK (true);
CREATE POLICY gate ON looks.viewer TO woonketen_gate USING (true) WITH CHECK (true);
CREATE POLICY gate ON looks.look FOR SELECT TO woonketen_gate USING (true);
CREATE POLICY steward ON looks.decision FOR SELECT TO woonketen_looks USING (
    (SELECT role FROM gate.viewer WHERE rolname = current_user) = 'steward');

-- Break-glass: for so long this person also reads the rows that colleagues of the own organisation have of a resident.
CREATE TABLE gate.glass (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rolname   name NOT NULL,
    ref       bytea NOT NULL,
    reason    text NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT now(),
    until     timestamptz NOT NULL
);
CREATE INDEX glass_rolname ON gate.glass (rolname, until);
ALTER TABLE gate.glass ENABLE ROW LEVEL SECURITY;
ALTER TABLE gate.glass FORCE ROW LEVEL SECURITY;
CREATE POLICY processor ON gate.glass TO woonketen_processor USING (true) WITH CHECK (true);
CREATE POLICY gate ON gate.glass FOR SELECT TO woonketen_gate USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON gate.glass TO woonketen_processor;
GRANT SELECT ON gate.glass TO woonketen_gate;

CREATE FUNCTION gate.glass_of(who name) RETURNS bytea[] STABLE LANGUAGE sql
RETURN (SELECT coalesce(array_agg(g.ref), '{}') FROM gate.glass g
         WHERE g.rolname = who AND now() >= g.opened_at AND now() < g.until);
CREATE FUNCTION gate.my_glass() RETURNS bytea[] STABLE SECURITY DEFINER LANGUAGE sql
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT gate.glass_of(gate.caller());
END;

CREATE FUNCTION gate.write_decision(who gate.viewer, seen text, allowed boolean, why text) RETURNS bytea
VOLATILE LANGUAGE plpgsql AS $$
DECLARE
    trace bytea := uuid_send(gen_random_uuid());
BEGIN
    INSERT INTO looks.decision
    SELECT trace, substr(uuid_send(gen_random_uuid()), 1, 8), 'adl.access_evaluation', clock_timestamp(), 'Ok',
           'urn:woonketen:rules:' || coalesce((SELECT s.code FROM gate.set s WHERE s.live), 'none'),
           jsonb_build_object(
               'subject', jsonb_build_object('type', 'role', 'id', who.role,
                                             'properties', jsonb_build_object('organisation', who.org)),
               'action', jsonb_build_object('name', 'read'),
               'resource', jsonb_build_object('type', 'view', 'id', seen),
               'context', jsonb_build_object('purpose', who.purpose)),
           jsonb_build_object('decision', allowed, 'context', jsonb_build_object('reason', why));
    INSERT INTO looks.viewer VALUES (trace, who.rolname);
    RETURN trace;
END
$$;

CREATE FUNCTION gate.write_look(who gate.viewer, seen text, refs bytea[], fields text[], why text DEFAULT 'role')
RETURNS bigint VOLATILE LANGUAGE plpgsql AS $$
DECLARE
    trace bytea := gate.write_decision(who, seen, true, why);
    glass bytea[] := gate.glass_of(who.rolname);
    lines bigint;
BEGIN
    INSERT INTO looks.look
    SELECT trace, substr(uuid_send(gen_random_uuid()), 1, 8), 'Ok',
           CASE WHEN r = ANY (glass) THEN 'break-glass ' ELSE '' END || 'view ' || seen, now(), clock_timestamp(),
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
                'schuldhulp', 'warnings') THEN
        EXECUTE format('SELECT coalesce(array_agg(DISTINCT v_ref), ''{}'') FROM %I.%I WHERE v_id = ANY ($1)',
                       (SELECT s.name FROM gate.set s WHERE s.live), seen) INTO refs USING ids;
    ELSIF seen = 'looks' THEN
        -- Who reads the own looks is not looked at by somebody else: the decision is record enough.
        IF who.role = 'bewoner' THEN
            PERFORM gate.write_decision(who, seen, true, 'own');
            RETURN 0;
        END IF;
    ELSIF seen NOT IN ('beleid', 'complex', 'steward_feeds', 'steward_refusals', 'steward_consents', 'steward_requests',
                       'steward_proofs', 'decisions') THEN
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

-- A request that was denied: `why` is a code. There is nothing that anybody looked at.
CREATE FUNCTION gate.record_denial(viewer name, seen text, why text) RETURNS void
VOLATILE SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who gate.viewer;
BEGIN
    SELECT * INTO STRICT who FROM gate.viewer v WHERE v.rolname = viewer;
    PERFORM gate.write_decision(who, seen, false, why);
END
$$;

-- Who it was that looked, for a steward, with a reason that the resident can read back. `look`: the span of one line or
-- the trace of a whole request. Nothing for what is not there; the question is recorded all the same.
CREATE FUNCTION gate.who_looked(look bytea, why text) RETURNS TABLE (
    trace_id bytea, rolname name, organisation text, role text, at timestamptz)
VOLATILE SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who gate.viewer;
    trace bytea;
BEGIN
    SELECT * INTO STRICT who FROM gate.viewer v WHERE v.rolname = gate.caller();
    IF who.role <> 'steward' THEN
        RAISE EXCEPTION 'not a steward' USING ERRCODE = 'insufficient_privilege';
    END IF;
    trace := gate.write_decision(who, 'who_looked', true, why);
    INSERT INTO looks.look
    SELECT trace, substr(uuid_send(gen_random_uuid()), 1, 8), 'Ok', 'who looked', now(), clock_timestamp(),
           'urn:woonketen:who-looked:' || why, s.data_subject_id, 'keyed hash of the resident''s reference',
           who.org, who.role, who.purpose, ARRAY['viewer']
      FROM (SELECT DISTINCT l.data_subject_id FROM looks.look l
             WHERE look IN (l.span_id, l.trace_id) AND l.data_subject_id IS NOT NULL) AS s;
    RETURN QUERY
    SELECT DISTINCT v.trace_id, v.rolname, l.organisation, l.role, l.start_time
      FROM looks.look l JOIN looks.viewer v ON v.trace_id = l.trace_id
     WHERE look IN (l.span_id, l.trace_id);
END
$$;

ALTER FUNCTION gate.my_looks_id OWNER TO woonketen_gate;
ALTER FUNCTION gate.record_look OWNER TO woonketen_gate;
ALTER FUNCTION gate.record_look_at OWNER TO woonketen_gate;
ALTER FUNCTION gate.record_denial OWNER TO woonketen_gate;
ALTER FUNCTION gate.who_looked OWNER TO woonketen_gate;
ALTER FUNCTION gate.my_glass OWNER TO woonketen_gate;
REVOKE EXECUTE ON FUNCTION gate.my_looks_id, gate.record_look, gate.record_look_at, gate.record_denial, gate.who_looked,
    gate.write_decision, gate.write_look, gate.looks_id, gate.glass_of, gate.my_glass FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.write_decision, gate.write_look, gate.looks_id, gate.glass_of TO woonketen_gate;
GRANT EXECUTE ON FUNCTION gate.my_looks_id, gate.record_look, gate.my_glass TO woonketen_viewer;
GRANT EXECUTE ON FUNCTION gate.who_looked TO woonketen_looks;
GRANT EXECUTE ON FUNCTION gate.record_look_at, gate.record_denial TO woonketen_processor;

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
CREATE VIEW view_looks.decisions WITH (security_invoker = true, security_barrier = true) AS
    SELECT encode(trace_id, 'hex') AS trace_id, encode(span_id, 'hex') AS span_id, event_name, at, status, policies,
           request, response
      FROM looks.decision;
GRANT SELECT ON view_looks.looks, view_looks.ldv, view_looks.decisions TO woonketen_looks;
