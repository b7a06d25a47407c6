-- What a data steward's checks read and leave behind: booleans and counts. No value and no pseudonym stands in it.
-- woonketen_quality reads; woonketen_measure owns the views that turn rows into booleans, and nobody steps into it.
DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['quality', 'measure'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'woonketen_' || role) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', 'woonketen_' || role);
        END IF;
        IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', 'woonketen_' || role);
        END IF;
    END LOOP;
END
$$;

CREATE SCHEMA quality;
GRANT USAGE ON SCHEMA quality TO woonketen_processor, woonketen_quality, woonketen_measure;
GRANT CREATE ON SCHEMA quality TO woonketen_measure;

-- A run: the log was gone through up to `day`. `state`: examining, examined, checked.
CREATE TABLE quality.run (
    run       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        timestamptz NOT NULL DEFAULT now(),
    day       date NOT NULL,
    catalogue int NOT NULL,
    facts     bigint NOT NULL DEFAULT 0,
    residents bigint NOT NULL DEFAULT 0,
    state     text NOT NULL DEFAULT 'examining'
);
-- The facts of the last run: whose, of which type, and which check passed (null: does not apply), by place in the
-- catalogue. The partner's own event id stands only where a check failed. Not in backups: the log makes it again.
CREATE UNLOGGED TABLE quality.fact (
    org   text NOT NULL,
    type  text NOT NULL,
    known date NOT NULL,
    corrected boolean NOT NULL,
    event text,
    ok    boolean[] NOT NULL
);
CREATE INDEX ON quality.fact (org);
-- Of the last run: days of the last three months on which an organisation's sign of life was missing.
CREATE TABLE quality.silence (
    org text NOT NULL,
    day date NOT NULL,
    PRIMARY KEY (org, day)
);
-- Of the last run: how many rows of a view hide what a check reads, and on which ground.
CREATE TABLE quality.hidden (
    suite    text NOT NULL,
    check_id text NOT NULL,
    org      text NOT NULL,
    ground   text NOT NULL,
    rows     bigint NOT NULL,
    PRIMARY KEY (suite, check_id, org, ground)
);
-- The history. `org` is empty for all together.
CREATE TABLE quality.result (
    run      bigint NOT NULL REFERENCES quality.run,
    suite    text NOT NULL,
    check_id text NOT NULL,
    org      text NOT NULL,
    level    text NOT NULL,
    success  boolean NOT NULL,
    checked  bigint NOT NULL,
    failed   bigint NOT NULL,
    hidden   bigint NOT NULL,
    grounds  jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (run, suite, check_id, org)
);
-- A few events by which a partner finds what failed: its own ids.
CREATE TABLE quality.example (
    run      bigint NOT NULL REFERENCES quality.run,
    check_id text NOT NULL,
    org      text NOT NULL,
    event    text NOT NULL,
    PRIMARY KEY (run, check_id, org, event)
);

GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON quality.run, quality.fact, quality.silence, quality.hidden, quality.result,
    quality.example TO woonketen_processor;
GRANT SELECT ON quality.run, quality.fact, quality.silence, quality.hidden, quality.result, quality.example TO woonketen_quality;
GRANT INSERT ON quality.result, quality.example TO woonketen_quality;
GRANT UPDATE (state) ON quality.run TO woonketen_quality;

-- One row per organisation that delivers: whether its feed met each check, in the last fourteen days.
CREATE VIEW quality.feed WITH (security_barrier = true) AS
    WITH since AS (SELECT date_trunc('hour', now()) - interval '14 days' AS at),
    lately AS (
        SELECT org, sum(n) FILTER (WHERE status = 'accepted') AS accepted,
               sum(n) FILTER (WHERE status = 'refused') AS refused,
               sum(n) FILTER (WHERE status = 'duplicate') AS doubled, sum(n) AS sent
          FROM admission.tally, since WHERE hour >= since.at GROUP BY org),
    -- Fortnights before this one; a partner is held against its own, from the fourth on.
    fortnight AS (
        SELECT t.org, floor(extract(epoch FROM since.at - t.hour) / 1209600)::int AS number, sum(t.n) AS sent
          FROM admission.tally t, since WHERE t.hour < since.at AND t.status = 'accepted' GROUP BY 1, 2),
    usual AS (
        SELECT org, percentile_cont(0.005) WITHIN GROUP (ORDER BY sent) AS least FROM fortnight
         GROUP BY org HAVING count(*) >= 4)
    SELECT o.org,
           CASE WHEN o.heartbeat_hours IS NOT NULL
                THEN NOT EXISTS (SELECT FROM gate.feed_silent s WHERE s.org = o.org) END AS feed_silent,
           CASE WHEN l.sent > 0 THEN coalesce(l.refused, 0) * 20 <= l.sent END AS refused_share,
           CASE WHEN l.sent > 0 THEN coalesce(l.doubled, 0) * 5 <= l.sent END AS duplicate_share,
           NOT EXISTS (SELECT FROM admission.parked p, admission.settings s
                        WHERE p.org = o.org AND p.since < s.open_day - 14) AS parked_long,
           CASE WHEN u.least IS NOT NULL THEN coalesce(l.accepted, 0) >= u.least END AS volume_low,
           NOT EXISTS (SELECT FROM gate.quarantine q
                        WHERE o.org = ANY (q.orgs) AND NOT q.discarded
                          AND q.set = (SELECT s.name FROM gate.set s WHERE s.live)) AS quarantined
      FROM admission.org o
      LEFT JOIN lately l ON l.org = o.org
      LEFT JOIN usual u ON u.org = o.org
     WHERE o.left_on IS NULL;
GRANT SELECT ON quality.feed TO woonketen_quality;
