-- What stewardship reads in the role woonketen_quality: numbers of feeds, views and requests, and its own alerts. Nothing
-- of a resident stands in it.
CREATE VIEW quality.delivery WITH (security_barrier = true) AS
    SELECT o.org, o.kind, o.left_on IS NOT NULL AS gone, f.last_event_at, f.heartbeat_at, o.heartbeat_hours,
           coalesce((SELECT sum(n) FROM admission.tally t WHERE t.org = o.org AND t.status = 'accepted'), 0)::bigint AS accepted,
           coalesce((SELECT sum(n) FROM admission.tally t WHERE t.org = o.org AND t.status = 'refused'), 0)::bigint AS refused,
           (SELECT count(*) FROM admission.parked p WHERE p.org = o.org) AS parked
      FROM admission.org o LEFT JOIN admission.feed f ON f.org = o.org;

CREATE VIEW quality.partition WITH (security_barrier = true) AS
    SELECT c.partition, c.next - 1 AS last, coalesce(p.last, 0) AS applied, greatest(c.next - 1 - coalesce(p.last, 0), 0) AS lag
      FROM log.counter c
      LEFT JOIN gate.position p ON p.partition = c.partition AND p.set = (SELECT s.name FROM gate.set s WHERE s.live);

CREATE VIEW quality.desk WITH (security_barrier = true) AS
    SELECT (SELECT open_day FROM admission.settings) AS open_day,
           (SELECT count(*) FROM gate.quarantine q WHERE NOT q.discarded
               AND q.set = (SELECT s.name FROM gate.set s WHERE s.live)) AS quarantined,
           (SELECT count(*) FROM gate.request r WHERE r.state = 'open') AS requests_open,
           (SELECT count(*) FROM gate.request r, admission.settings s
             WHERE r.state = 'open' AND r.legal_day - 7 <= s.open_day) AS requests_urgent,
           (SELECT count(*) FROM vault.proof) AS proofs,
           (SELECT count(*) FROM figures.snapshot) AS snapshots;

-- A concern that a sensor raised. One is open per kind and subject; `subject` is an organisation, or empty.
CREATE TABLE quality.alert (
    alert           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind            text NOT NULL,
    subject         text NOT NULL,
    number          bigint NOT NULL,
    opened_at       timestamptz NOT NULL DEFAULT now(),
    seen_at         timestamptz NOT NULL DEFAULT now(),
    acknowledged_at timestamptz,
    acknowledged_as text,
    reason          text,
    closed_at       timestamptz
);
CREATE UNIQUE INDEX alert_open ON quality.alert (kind, subject) WHERE closed_at IS NULL;

GRANT SELECT ON quality.delivery, quality.partition, quality.desk, quality.alert TO woonketen_quality;
GRANT INSERT ON quality.alert TO woonketen_quality;
GRANT UPDATE (number, seen_at, acknowledged_at, acknowledged_as, reason, closed_at) ON quality.alert TO woonketen_quality;

CREATE VIEW quality.fortnight WITH (security_barrier = true) AS
    SELECT t.org, coalesce(sum(n) FILTER (WHERE status = 'refused'), 0)::bigint AS refused, sum(n)::bigint AS sent
      FROM admission.tally t WHERE hour >= date_trunc('hour', now()) - interval '14 days' GROUP BY t.org;
GRANT SELECT ON quality.fortnight TO woonketen_quality;

-- Per organisation and day what became of what it sent, and per reason what was refused: for its own monthly report.
CREATE VIEW quality.sent WITH (security_barrier = true) AS
    SELECT org, (hour AT TIME ZONE 'UTC')::date AS day, status, sum(n)::bigint AS n FROM admission.tally GROUP BY 1, 2, 3;
CREATE VIEW quality.refused WITH (security_barrier = true) AS
    SELECT org, (at AT TIME ZONE 'UTC')::date AS day, type, reason, detail, mend, count(*) AS n
      FROM admission.refusal GROUP BY 1, 2, 3, 4, 5, 6;
GRANT SELECT ON quality.sent, quality.refused TO woonketen_quality;

-- The quarantine desk: why something was taken off the list, and what a steward saw of it, with the reason.
ALTER TABLE gate.quarantine ADD COLUMN discard_reason text;

CREATE FUNCTION gate.record_desk(viewer name, refs bytea[], fields text[], why text) RETURNS bigint
VOLATILE SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who gate.viewer;
BEGIN
    SELECT * INTO STRICT who FROM gate.viewer v WHERE v.rolname = viewer;
    IF who.role <> 'steward' THEN
        RAISE EXCEPTION 'not a steward' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN gate.write_look(who, 'quarantine', refs, fields, why);
END
$$;
GRANT CREATE ON SCHEMA gate TO woonketen_gate;
ALTER FUNCTION gate.record_desk OWNER TO woonketen_gate;
REVOKE EXECUTE ON FUNCTION gate.record_desk FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.record_desk TO woonketen_processor;
