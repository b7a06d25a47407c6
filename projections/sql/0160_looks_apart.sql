-- A steward sees that others looked, and not at whom: a code that two lines of different organisations share would tell
-- that somebody is with both, and that a person whom nobody shows any more is still being guided. Lines of the own
-- organisation carry the resident's code; others, and questions for a name, one that holds within its request.
DROP POLICY own ON looks.look;
CREATE POLICY own ON looks.look FOR SELECT TO woonketen_looks USING (
    data_subject_id = ANY (coalesce((SELECT gate.my_looks_ids()), '{}'))
    OR organisation = (SELECT org FROM gate.viewer WHERE rolname = current_user AND role = 'steward')
       AND processing_activity_id NOT LIKE 'urn:woonketen:who-looked:%');

CREATE FUNCTION gate.looks_of_others() RETURNS SETOF looks.look STABLE SECURITY DEFINER LANGUAGE sql
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT l.trace_id, l.span_id, l.status, l.name, l.start_time, l.end_time, l.processing_activity_id,
           CASE WHEN l.data_subject_id IS NOT NULL
                THEN sha256((SELECT i.salt FROM gate.installation i) || 'looks'::bytea || l.trace_id || l.data_subject_id) END,
           'code within one request', l.organisation, l.role, l.purpose, l.fields
      FROM looks.look l, gate.viewer v
     WHERE v.rolname = gate.caller() AND v.role = 'steward'
       AND (l.organisation <> v.org OR l.processing_activity_id LIKE 'urn:woonketen:who-looked:%');
END;

CREATE OR REPLACE VIEW view_looks.looks WITH (security_invoker = true, security_barrier = true) AS
    SELECT to_char(start_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS at, organisation, role, purpose, fields
      FROM (SELECT start_time, organisation, role, purpose, fields FROM looks.look
            UNION ALL
            SELECT start_time, organisation, role, purpose, fields FROM gate.looks_of_others()) AS l;
CREATE OR REPLACE VIEW view_looks.ldv WITH (security_invoker = true, security_barrier = true) AS
    SELECT encode(trace_id, 'hex') AS trace_id, encode(span_id, 'hex') AS span_id, status, name, start_time, end_time,
           processing_activity_id, encode(data_subject_id, 'hex') AS data_subject_id, data_subject_id_type,
           organisation, role, purpose, fields
      FROM (SELECT trace_id, span_id, status, name, start_time, end_time, processing_activity_id, data_subject_id,
                   data_subject_id_type, organisation, role, purpose, fields FROM looks.look
            UNION ALL
            SELECT trace_id, span_id, status, name, start_time, end_time, processing_activity_id, data_subject_id,
                   data_subject_id_type, organisation, role, purpose, fields FROM gate.looks_of_others()) AS l;

ALTER FUNCTION gate.looks_of_others OWNER TO woonketen_gate;
REVOKE EXECUTE ON FUNCTION gate.looks_of_others FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.looks_of_others TO woonketen_looks;
