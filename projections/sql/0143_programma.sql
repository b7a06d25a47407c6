-- How a pilot went: one line per enrolment for named members of the steering group of an agreement that names evaluation.
-- No number, no day, no order. A figure leaves it only when two members release it.
DO $$
DECLARE
    role text;
    made text;
BEGIN
    FOREACH role IN ARRAY ARRAY['programma', 'programma_figures'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'woonketen_' || role) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', 'woonketen_' || role);
        END IF;
        IF NOT pg_has_role('woonketen_' || role, 'woonketen_viewer', 'MEMBER') THEN
            EXECUTE format('GRANT woonketen_viewer TO %I', 'woonketen_' || role);
        END IF;
    END LOOP;
    -- Sets that were made before: a rebuild makes whole ones.
    FOR made IN SELECT name FROM gate.set LOOP
        EXECUTE format('CREATE TABLE %I.pilot (ref bytea NOT NULL, partition int NOT NULL, data jsonb NOT NULL)', made);
        EXECUTE format('ALTER TABLE %I.pilot ENABLE ROW LEVEL SECURITY', made);
        EXECUTE format('ALTER TABLE %I.pilot FORCE ROW LEVEL SECURITY', made);
        EXECUTE format('CREATE POLICY processor ON %I.pilot TO woonketen_processor USING (true) WITH CHECK (true)', made);
        EXECUTE format('CREATE POLICY gate ON %I.pilot FOR SELECT TO woonketen_gate USING (true)', made);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I.pilot TO woonketen_processor', made);
        EXECUTE format('GRANT SELECT ON %I.pilot TO woonketen_gate', made);
    END LOOP;
END
$$;
GRANT SELECT ON admission.agreement TO woonketen_gate;

CREATE TABLE gate.figure (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    figure       text NOT NULL,
    programme    text NOT NULL,
    cohort       text,
    part         bigint NOT NULL,
    whole        bigint NOT NULL,
    as_of        date NOT NULL,
    proposed_by  name NOT NULL,
    proposed_org text NOT NULL,
    proposed_on  date NOT NULL,
    confirmed_by name,
    confirmed_org text,
    confirmed_on date,
    CHECK (confirmed_by <> proposed_by)
);
ALTER TABLE gate.figure ENABLE ROW LEVEL SECURITY;
ALTER TABLE gate.figure FORCE ROW LEVEL SECURITY;
CREATE POLICY gate ON gate.figure TO woonketen_gate USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON gate.figure TO woonketen_gate;

-- The caller as a member of a steering group, and of which pilots: programme, and who may have enrolled.
CREATE FUNCTION gate.my_pilots() RETURNS TABLE (programme text, org text) STABLE SECURITY DEFINER LANGUAGE sql
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT DISTINCT a.programme, party
      FROM gate.viewer v, admission.settings s, admission.agreement a CROSS JOIN LATERAL unnest(a.orgs) AS party
     WHERE v.rolname = gate.caller() AND v.role = 'programma' AND v.org = ANY (a.orgs)
       AND 'evaluation' = ANY (a.purposes) AND s.open_day BETWEEN a.valid_from AND a.valid_until
       AND (a.ended_on IS NULL OR s.open_day <= a.ended_on);
END;

-- For the functions below only: whose line it is.
CREATE FUNCTION gate.pilot_rows() RETURNS TABLE (ref bytea, data jsonb)
STABLE LANGUAGE plpgsql AS $$
DECLARE
    live text := (SELECT s.name FROM gate.set s WHERE s.live);
BEGIN
    RETURN QUERY EXECUTE format(
        'SELECT p.ref, p.data FROM %1$I.pilot p JOIN gate.my_pilots() m'
        ' ON m.programme = p.data ->> ''programme'' AND m.org = p.data ->> ''org'''
        ' WHERE NOT p.ref = ANY (gate.hidden(%1$L))', live);
END
$$;
CREATE FUNCTION gate.months(since date, until date) RETURNS int IMMUTABLE LANGUAGE sql
RETURN (extract(year FROM age(until, since)) * 12 + extract(month FROM age(until, since)))::int;

CREATE FUNCTION gate.programma() RETURNS TABLE (
    cohort text, programme text, phase text, outcome text, months_housed int, goals_met text, tenancy_kept boolean,
    as_of text)
VOLATILE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.data ->> 'cohort', r.data ->> 'programme', r.data ->> 'phase', r.data ->> 'outcome',
           gate.months((r.data ->> 'housed_on')::date, least((r.data ->> 'left_on')::date, d.day)),
           r.data ->> 'goals_met', (r.data ->> 'tenancy_kept')::boolean, to_char(d.day - 1, 'YYYY-MM')
      FROM gate.pilot_rows() AS r, (SELECT gate.open_day((SELECT s.name FROM gate.set s WHERE s.live)) AS day) AS d
     ORDER BY random()
$$;

-- The figures that may be asked for. A member counts over what that member sees.
CREATE FUNCTION gate.count_figure(which text, in_programme text, in_cohort text) RETURNS TABLE (part bigint, whole bigint)
STABLE LANGUAGE sql AS $$
    WITH d AS (SELECT gate.open_day((SELECT s.name FROM gate.set s WHERE s.live)) AS day),
    line AS (
        SELECT r.data ->> 'outcome' AS outcome, (r.data ->> 'housed_on')::date AS since,
               (r.data ->> 'left_on')::date AS until, r.data ->> 'goals_met' AS goals,
               (r.data ->> 'tenancy_kept')::boolean AS kept
          FROM gate.pilot_rows() AS r
         WHERE r.data ->> 'programme' = in_programme AND (in_cohort IS NULL OR r.data ->> 'cohort' = in_cohort)),
    asked AS (
        SELECT CASE WHEN which ~ '^housed_[0-9]+$' THEN make_interval(months => substr(which, 8)::int) END AS term)
    SELECT count(*) FILTER (WHERE CASE
               WHEN a.term IS NOT NULL THEN since + a.term <= d.day AND (until IS NULL OR until >= since + a.term)
               WHEN which = 'completed' THEN outcome = 'completed'
               WHEN which = 'goals_met' THEN goals = 'yes'
               WHEN which = 'tenancy_kept' THEN kept END),
           count(*) FILTER (WHERE CASE
               WHEN a.term IS NOT NULL THEN since + a.term <= d.day
               WHEN which = 'completed' THEN true
               WHEN which = 'goals_met' THEN goals IS NOT NULL
               WHEN which = 'tenancy_kept' THEN kept IS NOT NULL END)
      FROM line, d, asked a
$$;

-- Both answer with a word: ok, stranger (no member), empty (nobody to count), unknown, same (who proposed cannot confirm),
-- changed (the figure is another one by now). What is recorded is a decision, not a look: no line is shown.
CREATE FUNCTION gate.propose_figure(which text, in_programme text, in_cohort text) RETURNS TABLE (word text, number bigint)
VOLATILE SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who gate.viewer;
    counted record;
    today date := gate.open_day((SELECT s.name FROM gate.set s WHERE s.live));
BEGIN
    SELECT * INTO STRICT who FROM gate.viewer v WHERE v.rolname = gate.caller();
    IF NOT EXISTS (SELECT FROM gate.my_pilots() m WHERE m.programme = in_programme) THEN
        PERFORM gate.write_decision(who, 'programma_figures', false, 'stranger');
        RETURN QUERY SELECT 'stranger', NULL::bigint;
        RETURN;
    END IF;
    SELECT * INTO counted FROM gate.count_figure(which, in_programme, in_cohort);
    IF counted.whole = 0 THEN  -- that there was nobody to count is an answer too, and so on record
        PERFORM gate.write_decision(who, 'programma_figures', false, 'empty');
        RETURN QUERY SELECT 'empty', NULL::bigint;
        RETURN;
    END IF;
    PERFORM gate.write_decision(who, 'programma_figures', true, 'proposed');
    RETURN QUERY
    INSERT INTO gate.figure (figure, programme, cohort, part, whole, as_of, proposed_by, proposed_org, proposed_on)
    VALUES (which, in_programme, in_cohort, counted.part, counted.whole, today - 1, who.rolname, who.org, today)
    RETURNING 'ok', id;
END
$$;
CREATE FUNCTION gate.confirm_figure(number bigint) RETURNS text
VOLATILE SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    who gate.viewer;
    asked gate.figure;
    counted record;
    word text := 'ok';
BEGIN
    SELECT * INTO STRICT who FROM gate.viewer v WHERE v.rolname = gate.caller();
    SELECT * INTO asked FROM gate.figure f WHERE f.id = number AND f.confirmed_by IS NULL FOR UPDATE;
    IF asked.id IS NULL OR NOT EXISTS (SELECT FROM gate.my_pilots() m WHERE m.programme = asked.programme) THEN
        word := 'unknown';
    ELSIF asked.proposed_by = who.rolname THEN
        word := 'same';
    ELSE
        SELECT * INTO counted FROM gate.count_figure(asked.figure, asked.programme, asked.cohort);
        IF (counted.part, counted.whole) IS DISTINCT FROM (asked.part, asked.whole) THEN
            word := 'changed';
        END IF;
    END IF;
    PERFORM gate.write_decision(who, 'programma_figures', word = 'ok', CASE word WHEN 'ok' THEN 'confirmed' ELSE word END);
    IF word = 'ok' THEN
        UPDATE gate.figure f SET confirmed_by = who.rolname, confirmed_org = who.org,
               confirmed_on = gate.open_day((SELECT s.name FROM gate.set s WHERE s.live)) WHERE f.id = number;
    END IF;
    RETURN word;
END
$$;
-- Released figures are for whoever has the view; proposed ones for members of that pilot.
CREATE FUNCTION gate.figures() RETURNS TABLE (
    id bigint, figure text, programme text, cohort text, part bigint, whole bigint, as_of date, state text,
    proposed_by text, confirmed_by text, released_on date)
STABLE SECURITY DEFINER LANGUAGE sql SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT f.id, f.figure, f.programme, f.cohort, f.part, f.whole, f.as_of,
           CASE WHEN f.confirmed_by IS NULL THEN 'proposed' ELSE 'released' END,
           'programma of ' || f.proposed_org, 'programma of ' || f.confirmed_org, f.confirmed_on
      FROM gate.figure f
     WHERE f.confirmed_by IS NOT NULL OR f.programme IN (SELECT m.programme FROM gate.my_pilots() m)
     ORDER BY f.id;
END;

ALTER FUNCTION gate.my_pilots OWNER TO woonketen_gate;
ALTER FUNCTION gate.programma OWNER TO woonketen_gate;
ALTER FUNCTION gate.propose_figure OWNER TO woonketen_gate;
ALTER FUNCTION gate.confirm_figure OWNER TO woonketen_gate;
ALTER FUNCTION gate.figures OWNER TO woonketen_gate;
REVOKE EXECUTE ON FUNCTION gate.my_pilots, gate.pilot_rows, gate.months, gate.programma, gate.count_figure,
    gate.propose_figure, gate.confirm_figure, gate.figures FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.pilot_rows, gate.months, gate.count_figure TO woonketen_gate;
GRANT EXECUTE ON FUNCTION gate.programma, gate.propose_figure, gate.confirm_figure TO woonketen_programma;
GRANT EXECUTE ON FUNCTION gate.figures TO woonketen_programma_figures;

CREATE SCHEMA view_programma;
CREATE SCHEMA view_programma_figures;
GRANT USAGE ON SCHEMA view_programma TO woonketen_programma;
GRANT USAGE ON SCHEMA view_programma_figures TO woonketen_programma_figures;
CREATE VIEW view_programma.programma WITH (security_invoker = true, security_barrier = true) AS
    SELECT * FROM gate.programma();
CREATE VIEW view_programma_figures.programma_figures WITH (security_invoker = true, security_barrier = true) AS
    SELECT * FROM gate.figures();
GRANT SELECT ON view_programma.programma TO woonketen_programma;
GRANT SELECT ON view_programma_figures.programma_figures TO woonketen_programma_figures;

-- As before, with whom the lines of a pilot are about.
CREATE OR REPLACE FUNCTION gate.record_look(seen text, ids bytea[], fields text[]) RETURNS bigint
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
    ELSIF seen = 'programma' THEN
        SELECT coalesce(array_agg(DISTINCT r.ref), '{}') INTO refs FROM gate.pilot_rows() AS r;
    ELSIF seen = 'looks' THEN
        -- Who reads the own looks is not looked at by somebody else: the decision is record enough.
        IF who.role = 'bewoner' THEN
            PERFORM gate.write_decision(who, seen, true, 'own');
            RETURN 0;
        END IF;
    ELSIF seen NOT IN ('beleid', 'complex', 'steward_feeds', 'steward_refusals', 'steward_consents', 'steward_requests',
                       'steward_proofs', 'decisions', 'programma_figures') THEN
        RAISE EXCEPTION 'no such view' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN gate.write_look(who, seen, refs, fields);
END
$$;
