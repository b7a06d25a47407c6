-- What a steward sees of the feeds and of what was refused: counts and reasons, never a payload or a resident. No rows
-- of residents are read, so these views run with their owner's rights.
CREATE SCHEMA view_steward_feeds;
CREATE SCHEMA view_steward_refusals;
GRANT USAGE ON SCHEMA view_steward_feeds TO woonketen_steward_feeds;
GRANT USAGE ON SCHEMA view_steward_refusals TO woonketen_steward_refusals;

CREATE FUNCTION gate.lag() RETURNS bigint STABLE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce(sum(c.next - 1 - coalesce(p.last, 0)), 0)
      FROM log.counter c
      LEFT JOIN gate.position p ON p.partition = c.partition AND p.set = (SELECT s.name FROM gate.set s WHERE s.live);
END;
GRANT USAGE ON SCHEMA log TO woonketen_gate;
GRANT SELECT ON log.counter TO woonketen_gate;
ALTER FUNCTION gate.lag OWNER TO woonketen_gate;

CREATE VIEW view_steward_feeds.steward_feeds WITH (security_barrier = true) AS
    SELECT o.org,
           to_char(f.last_event_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS last_event_at,
           to_char(f.heartbeat_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS heartbeat_at,
           coalesce(t.accepted, 0)::bigint AS accepted_24h,
           coalesce(t.refused, 0)::bigint AS refused_24h,
           (SELECT count(*) FROM admission.parked p WHERE p.org = o.org) AS parked,
           (SELECT count(*) FROM gate.quarantine q
             WHERE o.org = ANY (q.orgs) AND NOT q.discarded
               AND q.set = (SELECT s.name FROM gate.set s WHERE s.live)) AS quarantined,
           gate.lag() AS lag,
           a.until AS agreement_until,
           CASE WHEN o.left_on IS NOT NULL THEN 'left'
                WHEN EXISTS (SELECT FROM gate.feed_silent s WHERE s.org = o.org) THEN 'silent'
                WHEN a.until IS NULL THEN 'no_agreement'
                ELSE 'running' END AS state
      FROM admission.org o
      LEFT JOIN admission.feed f ON f.org = o.org
      LEFT JOIN LATERAL (
            SELECT sum(n) FILTER (WHERE status = 'accepted') AS accepted, sum(n) FILTER (WHERE status = 'refused') AS refused
              FROM admission.tally WHERE org = o.org AND hour > now() - interval '24 hours') t ON true
      LEFT JOIN LATERAL (
            SELECT max(least(g.valid_until, g.ended_on)) AS until FROM admission.agreement g
             WHERE o.org = ANY (g.orgs) AND (g.ended_on IS NULL OR g.ended_on > (SELECT open_day FROM admission.settings))
               AND g.valid_until >= (SELECT open_day FROM admission.settings)) a ON true;

CREATE VIEW view_steward_refusals.steward_refusals WITH (security_barrier = true) AS
    SELECT org, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS at, 'nl.woonketen.' || type AS type, reason, detail, mend
      FROM admission.refusal;

GRANT SELECT ON view_steward_feeds.steward_feeds TO woonketen_steward_feeds;
GRANT SELECT ON view_steward_refusals.steward_refusals TO woonketen_steward_refusals;
