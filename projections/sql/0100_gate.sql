-- Who may look, which set of tables is live, how far it is, and what must stay hidden meanwhile.

CREATE TABLE gate.installation (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    salt bytea NOT NULL DEFAULT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
);
INSERT INTO gate.installation DEFAULT VALUES;

-- Two sets of tables: one is read, the other is for a rebuild, and afterwards the way back.
CREATE TABLE gate.set (
    name    text PRIMARY KEY CHECK (name IN ('set_1', 'set_2')),
    code    text NOT NULL,      -- of the code, policy and indicators that its rows come from
    live    boolean NOT NULL,
    shown   boolean NOT NULL,   -- whether it was ever live: only such a set is whole
    made_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX set_live ON gate.set (live) WHERE live;

-- Locked FOR UPDATE by whoever writes rows of that partition: a second worker waits, and then finds its work done.
CREATE TABLE gate.position (
    set         text NOT NULL REFERENCES gate.set ON DELETE CASCADE,
    partition   int NOT NULL,
    last        bigint NOT NULL DEFAULT 0,
    closed      date,
    fingerprint bytea,
    PRIMARY KEY (set, partition)
);

-- A person's name is nowhere: the role's name is a keyed hash of it.
CREATE TABLE gate.viewer (
    rolname   name PRIMARY KEY,
    org       text NOT NULL,
    role      text NOT NULL,
    purpose   text NOT NULL,
    worker    text,
    districts text[] NOT NULL DEFAULT '{}',
    ref       bytea
);

CREATE TABLE gate.feed_silent (
    org text PRIMARY KEY
);

-- What could not be processed: a record that does not open or decode (seq), or a resident whose rows are withheld (ref).
-- Codes only; never a payload.
CREATE TABLE gate.quarantine (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    set       text NOT NULL REFERENCES gate.set ON DELETE CASCADE,
    partition int NOT NULL,
    ref       bytea,
    seq       bigint,
    since     date NOT NULL,
    reason    text NOT NULL,
    error     text NOT NULL,
    orgs      text[] NOT NULL DEFAULT '{}',
    discarded boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX quarantine_resident ON gate.quarantine (set, ref) WHERE seq IS NULL;
CREATE UNIQUE INDEX quarantine_record ON gate.quarantine (set, partition, seq) WHERE seq IS NOT NULL;

ALTER TABLE gate.installation ENABLE ROW LEVEL SECURITY;
ALTER TABLE gate.viewer ENABLE ROW LEVEL SECURITY;
ALTER TABLE gate.position ENABLE ROW LEVEL SECURITY;
ALTER TABLE gate.quarantine ENABLE ROW LEVEL SECURITY;
ALTER TABLE gate.viewer FORCE ROW LEVEL SECURITY;
ALTER TABLE gate.position FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON gate.viewer FOR SELECT TO woonketen_viewer USING (rolname = current_user);
CREATE POLICY gate ON gate.viewer FOR SELECT TO woonketen_gate USING (true);
CREATE POLICY processor ON gate.viewer TO woonketen_processor USING (true) WITH CHECK (true);
CREATE POLICY processor ON gate.position TO woonketen_processor USING (true) WITH CHECK (true);
CREATE POLICY gate ON gate.position FOR SELECT TO woonketen_gate USING (true);
CREATE POLICY processor ON gate.quarantine TO woonketen_processor USING (true) WITH CHECK (true);
CREATE POLICY gate ON gate.installation FOR SELECT TO woonketen_gate USING (true);

GRANT USAGE ON SCHEMA gate TO woonketen_processor, woonketen_gate, woonketen_viewer;
GRANT SELECT ON gate.set TO woonketen_processor, woonketen_gate;
GRANT SELECT, INSERT, UPDATE ON gate.position TO woonketen_processor;
GRANT SELECT ON gate.position TO woonketen_gate;
GRANT SELECT, INSERT, UPDATE, DELETE ON gate.viewer TO woonketen_processor;
GRANT SELECT ON gate.viewer TO woonketen_gate, woonketen_viewer;
GRANT SELECT, INSERT, DELETE ON gate.feed_silent TO woonketen_processor;
GRANT SELECT ON gate.feed_silent TO woonketen_gate;
GRANT SELECT, INSERT, UPDATE, DELETE ON gate.quarantine TO woonketen_processor;
GRANT SELECT ON gate.installation TO woonketen_gate;
GRANT USAGE ON SCHEMA admission TO woonketen_gate;
GRANT SELECT ON admission.settings, admission.restricting TO woonketen_gate;

-- The role that asks, also inside a function that runs as another: what SET ROLE says, or who logged in. Neither can be
-- set to a role that one is not a member of.
CREATE FUNCTION gate.caller() RETURNS name STABLE LANGUAGE sql
RETURN CASE current_setting('role') WHEN 'none' THEN session_user ELSE current_setting('role')::name END;

-- The functions below are SECURITY DEFINER and owned by woonketen_gate, which may read what a viewer may not.

-- "Today": the day after the last one that every partition of the set has closed.
CREATE FUNCTION gate.open_day(in_set text) RETURNS date STABLE SECURITY DEFINER LANGUAGE sql
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce((SELECT min(p.closed) + 1 FROM gate.position p WHERE p.set = in_set),
                    (SELECT s.open_day FROM admission.settings s));
END;

-- Residents of whom something restricting was admitted that this set has not processed yet. Nearly always none.
CREATE FUNCTION gate.hidden(in_set text) RETURNS bytea[] STABLE SECURITY DEFINER LANGUAGE sql
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce(array_agg(r.ref), '{}') FROM admission.restricting r
      LEFT JOIN gate.position p ON p.set = in_set AND p.partition = r.partition
     WHERE r.seq > coalesce(p.last, 0);
END;

CREATE FUNCTION gate.silent() RETURNS text[] STABLE SECURITY DEFINER LANGUAGE sql
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce(array_agg(f.org ORDER BY f.org COLLATE "C"), '{}') FROM gate.feed_silent f;
END;

-- What only the passing of days changes. Parsed when they are made, so that nobody's search path matters.
CREATE FUNCTION gate.both(one text[], other text[]) RETURNS text[] IMMUTABLE LANGUAGE sql
RETURN ARRAY(SELECT o FROM unnest(one) AS o WHERE o = ANY (other) ORDER BY o COLLATE "C");

CREATE FUNCTION gate.late_actions(lines jsonb, today date) RETURNS jsonb IMMUTABLE LANGUAGE sql
RETURN CASE WHEN lines IS NULL THEN NULL ELSE coalesce((
    SELECT jsonb_agg(
        CASE WHEN line ->> 'state' = 'open' AND (line ->> 'due_on')::date < today
             THEN line || jsonb_build_object('state', 'late', 'late_days', today - (line ->> 'due_on')::date)
             ELSE line END ORDER BY n)
      FROM jsonb_array_elements(lines) WITH ORDINALITY AS l(line, n)), '[]') END;

CREATE FUNCTION gate.late_parties(lines jsonb, today date) RETURNS jsonb IMMUTABLE LANGUAGE sql
RETURN CASE WHEN lines IS NULL THEN NULL ELSE coalesce((
    SELECT jsonb_agg(
        (line - 'open_due') || (
            SELECT jsonb_build_object('actions_late', count(*), 'oldest_late_days', max(today - due::date))
              FROM jsonb_array_elements_text(line -> 'open_due') AS d(due) WHERE due::date < today) ORDER BY n)
      FROM jsonb_array_elements(lines) WITH ORDINALITY AS l(line, n)), '[]') END;

CREATE FUNCTION gate.count_late(late jsonb, today date) RETURNS bigint IMMUTABLE LANGUAGE sql
RETURN (SELECT count(*) FROM jsonb_array_elements_text(late -> 'open_due') AS d(due) WHERE due::date < today);

CREATE FUNCTION gate.oldest_late(late jsonb, today date) RETURNS bigint IMMUTABLE LANGUAGE sql
RETURN (SELECT max(today - due::date) FROM jsonb_array_elements_text(late -> 'open_due') AS d(due)
         WHERE due::date < today);

-- "This week": the seven days that end with the open one.
CREATE FUNCTION gate.arrived_or_left(late jsonb, today date) RETURNS text IMMUTABLE LANGUAGE sql
RETURN CASE WHEN (late ->> 'left_on')::date BETWEEN today - 6 AND today THEN 'left'
            WHEN (late ->> 'arrived_on')::date BETWEEN today - 6 AND today THEN 'arrived' END;

GRANT CREATE ON SCHEMA gate TO woonketen_gate;
ALTER FUNCTION gate.open_day OWNER TO woonketen_gate;
ALTER FUNCTION gate.hidden OWNER TO woonketen_gate;
ALTER FUNCTION gate.silent OWNER TO woonketen_gate;
REVOKE EXECUTE ON FUNCTION gate.open_day, gate.hidden, gate.silent FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.open_day, gate.hidden, gate.silent TO woonketen_viewer, woonketen_processor;
