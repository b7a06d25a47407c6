-- Who was looked at stands among the looks as a code under a key of that resident and year. When the resident is erased,
-- or the term of the looks ends, the keys go: the looks can be counted for ever, and lead to nobody.
CREATE TABLE gate.looks_key (
    ref   bytea NOT NULL,
    since date NOT NULL,                -- the first day of the year
    key   bytea NOT NULL DEFAULT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()),
    PRIMARY KEY (ref, since)
);
ALTER TABLE gate.looks_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE gate.looks_key FORCE ROW LEVEL SECURITY;
CREATE POLICY gate ON gate.looks_key TO woonketen_gate USING (true) WITH CHECK (true);
CREATE POLICY processor ON gate.looks_key TO woonketen_processor USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON gate.looks_key TO woonketen_gate;
GRANT SELECT (ref, since), DELETE ON gate.looks_key TO woonketen_processor;
GRANT SELECT ON admission.merged TO woonketen_gate;

-- Key and reference have a fixed length, so that this is a code of its own for each.
CREATE FUNCTION gate.looks_code(key bytea, ref bytea) RETURNS bytea IMMUTABLE LANGUAGE sql RETURN sha256(key || ref);

-- Looks of before: the same residents under their new codes; those of who was erased under codes that nobody has.
CREATE TEMPORARY TABLE old_code ON COMMIT DROP AS
    SELECT DISTINCT sha256(i.salt || k.ref) AS code, k.ref FROM vault.key k, gate.installation i
     WHERE k.ref IS NOT NULL AND k.destroyed_on IS NULL;
ALTER TABLE looks.look NO FORCE ROW LEVEL SECURITY;
ALTER TABLE gate.looks_key NO FORCE ROW LEVEL SECURITY;
INSERT INTO gate.looks_key (ref, since)
    SELECT DISTINCT o.ref, date_trunc('year', l.start_time AT TIME ZONE 'UTC')::date
      FROM looks.look l JOIN old_code o ON o.code = l.data_subject_id;
CREATE TEMPORARY TABLE new_code ON COMMIT DROP AS
    SELECT l.trace_id, l.span_id, gate.looks_code(k.key, k.ref) AS code
      FROM looks.look l JOIN old_code o ON o.code = l.data_subject_id
      JOIN gate.looks_key k ON k.ref = o.ref AND k.since = date_trunc('year', l.start_time AT TIME ZONE 'UTC')::date;
CREATE TEMPORARY TABLE lost_code ON COMMIT DROP AS
    SELECT DISTINCT ON (l.data_subject_id) l.data_subject_id AS code, sha256(uuid_send(gen_random_uuid())) AS anew
      FROM looks.look l
     WHERE l.data_subject_id IS NOT NULL AND NOT EXISTS (SELECT FROM old_code o WHERE o.code = l.data_subject_id);
UPDATE looks.look l SET data_subject_id = n.code FROM new_code n WHERE n.trace_id = l.trace_id AND n.span_id = l.span_id;
UPDATE looks.look l SET data_subject_id = o.anew FROM lost_code o WHERE o.code = l.data_subject_id;
ALTER TABLE looks.look FORCE ROW LEVEL SECURITY;
ALTER TABLE gate.looks_key FORCE ROW LEVEL SECURITY;

CREATE OR REPLACE FUNCTION gate.write_look(who gate.viewer, seen text, refs bytea[], fields text[], why text DEFAULT 'role')
RETURNS bigint VOLATILE LANGUAGE plpgsql AS $$
DECLARE
    trace bytea := gate.write_decision(who, seen, true, why);
    glass bytea[] := gate.glass_of(who.rolname);
    year date := date_trunc('year', now() AT TIME ZONE 'UTC')::date;
    lines bigint;
BEGIN
    -- In one order: two who look at the same residents for the first time in a year do not wait for each other in a ring.
    INSERT INTO gate.looks_key (ref, since)
    SELECT s.r, year FROM (SELECT DISTINCT r FROM unnest(refs) AS u(r)) AS s
     WHERE NOT EXISTS (SELECT FROM gate.looks_key k WHERE k.ref = s.r AND k.since = year) ORDER BY s.r
    ON CONFLICT DO NOTHING;
    INSERT INTO looks.look
    SELECT trace, substr(uuid_send(gen_random_uuid()), 1, 8), 'Ok',
           CASE WHEN k.ref = ANY (glass) THEN 'break-glass ' ELSE '' END || 'view ' || seen, now(), clock_timestamp(),
           'urn:woonketen:view:' || seen, gate.looks_code(k.key, k.ref), 'code under a key of the resident',
           who.org, who.role, who.purpose, fields
      FROM (SELECT DISTINCT r FROM unnest(refs) AS u(r)
            UNION ALL SELECT NULL WHERE cardinality(refs) = 0) AS subjects
      LEFT JOIN gate.looks_key k ON k.ref = subjects.r AND k.since = year;
    GET DIAGNOSTICS lines = ROW_COUNT;
    RETURN lines;
END
$$;

-- Every code of a resident, also under the numbers of who turned out to be the same.
CREATE FUNCTION gate.looks_ids(resident bytea) RETURNS bytea[] STABLE SECURITY DEFINER LANGUAGE sql
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce(array_agg(gate.looks_code(k.key, k.ref)), '{}') FROM gate.looks_key k
     WHERE k.ref = resident OR k.ref IN (SELECT m.ref FROM admission.merged m WHERE m.into_ref = resident);
END;
CREATE FUNCTION gate.my_looks_ids() RETURNS bytea[] STABLE SECURITY DEFINER LANGUAGE sql
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT gate.looks_ids(v.ref) FROM gate.viewer v WHERE v.rolname = gate.caller() AND v.ref IS NOT NULL;
END;
-- For stewards: the same for one resident, and nothing else. Not a code of the looks.
CREATE FUNCTION gate.ref_hash(ref bytea) RETURNS bytea STABLE LANGUAGE sql
RETURN (SELECT sha256(i.salt || 'steward'::bytea || ref) FROM gate.installation i);

DROP POLICY own ON looks.look;
CREATE POLICY own ON looks.look FOR SELECT TO woonketen_looks USING (
    data_subject_id = ANY (coalesce((SELECT gate.my_looks_ids()), '{}'))
    OR (SELECT role FROM gate.viewer WHERE rolname = current_user) = 'steward');

CREATE OR REPLACE FUNCTION gate.consents() RETURNS TABLE (
    ref_hash text, recipient text, purpose text, state text, "from" date, until date)
STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM gate.viewer v WHERE v.rolname = gate.caller() AND v.role = 'steward';
    IF FOUND THEN
        RETURN QUERY EXECUTE format(
            'SELECT left(encode(gate.ref_hash(b.v_ref), ''hex''), 16), c ->> ''recipient'', c ->> ''purpose'','
            ' c ->> ''state'', (c ->> ''from'')::date, (c ->> ''until'')::date'
            ' FROM %1$I.bewoner b, jsonb_array_elements(b.consents) AS c'
            ' WHERE NOT b.v_ref = ANY (gate.hidden(%1$L))', (SELECT s.name FROM gate.set s WHERE s.live));
    END IF;
END
$$;
DROP FUNCTION gate.my_looks_id();
DROP FUNCTION gate.looks_id(bytea);

ALTER FUNCTION gate.looks_ids OWNER TO woonketen_gate;
ALTER FUNCTION gate.my_looks_ids OWNER TO woonketen_gate;
REVOKE EXECUTE ON FUNCTION gate.looks_ids, gate.my_looks_ids, gate.looks_code, gate.ref_hash FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.looks_code, gate.ref_hash TO woonketen_gate;
GRANT EXECUTE ON FUNCTION gate.my_looks_ids TO woonketen_viewer;
GRANT EXECUTE ON FUNCTION gate.looks_ids TO woonketen_processor;
