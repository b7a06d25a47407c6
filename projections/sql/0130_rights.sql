-- What residents ask for and what a steward has to answer; the names of those who look, apart and sealed.
DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['steward_consents', 'steward_requests', 'schuldhulp'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'woonketen_' || role) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', 'woonketen_' || role);
        END IF;
        IF NOT pg_has_role('woonketen_' || role, 'woonketen_viewer', 'MEMBER') THEN
            EXECUTE format('GRANT woonketen_viewer TO %I', 'woonketen_' || role);
        END IF;
    END LOOP;
END
$$;

-- A name is sealed with a key that the database does not have.
CREATE TABLE gate.name (
    rolname name PRIMARY KEY,
    sealed  bytea NOT NULL
);

-- kind: rectification, objection, break_glass. `resident`: the pseudonym of `org`, which has to act on it.
CREATE TABLE gate.request (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL,
    org         text NOT NULL,
    ref         bytea NOT NULL,
    resident    text,
    category    text,
    reason      text,
    received_on date NOT NULL,
    legal_day   date NOT NULL,
    state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'granted', 'rejected', 'noted')),
    answered_on date
);
ALTER TABLE gate.name ENABLE ROW LEVEL SECURITY;
ALTER TABLE gate.name FORCE ROW LEVEL SECURITY;
ALTER TABLE gate.request ENABLE ROW LEVEL SECURITY;
ALTER TABLE gate.request FORCE ROW LEVEL SECURITY;
CREATE POLICY processor ON gate.name TO woonketen_processor USING (true) WITH CHECK (true);
CREATE POLICY processor ON gate.request TO woonketen_processor USING (true) WITH CHECK (true);
CREATE POLICY gate ON gate.request FOR SELECT TO woonketen_gate USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON gate.name, gate.request TO woonketen_processor;
GRANT SELECT ON gate.request TO woonketen_gate;

-- Contact data of a signal: sealed, deleted by who fetches them.
CREATE TABLE gate.contact (
    handle text PRIMARY KEY,
    sealed bytea NOT NULL,
    put_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE gate.contact ENABLE ROW LEVEL SECURITY;
ALTER TABLE gate.contact FORCE ROW LEVEL SECURITY;
CREATE POLICY processor ON gate.contact TO woonketen_processor USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON gate.contact TO woonketen_processor;

-- Every steward sees that there is a request; whose, only a steward of the organisation that has to act.
CREATE FUNCTION gate.requests() RETURNS TABLE (
    id bigint, kind text, org text, resident text, category text, reason text, received_on date, legal_day date,
    state text, answered_on date)
STABLE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT r.id, r.kind, r.org, CASE WHEN r.org = v.org THEN r.resident END, r.category, r.reason, r.received_on,
           r.legal_day, r.state, r.answered_on
      FROM gate.request r, gate.viewer v WHERE v.rolname = gate.caller() AND v.role = 'steward';
END;
-- The consents as they stand in the live set, each resident as a keyed hash.
CREATE FUNCTION gate.consents() RETURNS TABLE (
    ref_hash text, recipient text, purpose text, state text, "from" date, until date)
STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM gate.viewer v WHERE v.rolname = gate.caller() AND v.role = 'steward';
    IF FOUND THEN
        RETURN QUERY EXECUTE format(
            'SELECT left(encode(gate.looks_id(b.v_ref), ''hex''), 16), c ->> ''recipient'', c ->> ''purpose'','
            ' c ->> ''state'', (c ->> ''from'')::date, (c ->> ''until'')::date'
            ' FROM %1$I.bewoner b, jsonb_array_elements(b.consents) AS c'
            ' WHERE NOT b.v_ref = ANY (gate.hidden(%1$L))', (SELECT s.name FROM gate.set s WHERE s.live));
    END IF;
END
$$;
ALTER FUNCTION gate.requests OWNER TO woonketen_gate;
ALTER FUNCTION gate.consents OWNER TO woonketen_gate;
REVOKE EXECUTE ON FUNCTION gate.requests, gate.consents FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.requests TO woonketen_steward_requests;
GRANT EXECUTE ON FUNCTION gate.consents TO woonketen_steward_consents;
GRANT EXECUTE ON FUNCTION gate.hidden TO woonketen_gate;

CREATE SCHEMA view_steward_requests;
CREATE SCHEMA view_steward_consents;
GRANT USAGE ON SCHEMA view_steward_requests TO woonketen_steward_requests;
GRANT USAGE ON SCHEMA view_steward_consents TO woonketen_steward_consents;
CREATE VIEW view_steward_requests.steward_requests WITH (security_invoker = true, security_barrier = true) AS
    SELECT * FROM gate.requests();
CREATE VIEW view_steward_consents.steward_consents WITH (security_invoker = true, security_barrier = true) AS
    SELECT * FROM gate.consents();
GRANT SELECT ON view_steward_requests.steward_requests TO woonketen_steward_requests;
GRANT SELECT ON view_steward_consents.steward_consents TO woonketen_steward_consents;
