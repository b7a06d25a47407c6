-- As before; that there was nobody to count is an answer too, and so on record.
CREATE OR REPLACE FUNCTION gate.propose_figure(which text, in_programme text, in_cohort text) RETURNS TABLE (word text, number bigint)
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
    IF counted.whole = 0 THEN
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
