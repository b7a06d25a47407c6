-- What PostgreSQL itself tells to everybody who may connect: how many rows a table has and how many were written and
-- deleted, who holds which lock, how far the write-ahead log is. Each of these tells that something was recorded about
-- somebody. Here it is taken from everybody; a superuser and the roles for monitoring keep it. Only a superuser can: on
-- a server of others this is a notice, and `docs/privacy.md` says what to run.

-- The references of residents of whom something restricting waits: for the program alone. A viewer's rule asks for the
-- rows that would be his own, and learns nothing from it but what he sees vanish.
CREATE FUNCTION gate.hidden_rows(in_set text, seen text) RETURNS bytea[]
STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    refs  bytea[] := gate.hidden(in_set);
    who   gate.viewer;
    found bytea[];
BEGIN
    IF cardinality(refs) = 0 THEN
        RETURN '{}';
    END IF;
    SELECT * INTO who FROM gate.viewer v WHERE v.rolname = gate.caller();
    IF who.rolname IS NULL OR in_set NOT IN ('set_1', 'set_2') THEN
        RETURN '{}';
    END IF;
    EXECUTE format(
        'SELECT coalesce(array_agg(v_id), ''{}'') FROM %I.%I WHERE v_ref = ANY ($1) AND (v_ref = $2 OR v_org = $3 AND ('
        ' v_ref = ANY ($6) OR (v_worker IS NULL OR v_worker = $4)'
        ' AND (v_district IS NULL OR $5 = ''{}'' OR v_district = ANY ($5))))', in_set, seen)
        INTO found USING refs, who.ref, who.org, who.worker, who.districts, gate.glass_of(who.rolname);
    RETURN found;
END
$$;
GRANT CREATE ON SCHEMA gate TO woonketen_gate;
ALTER FUNCTION gate.hidden_rows OWNER TO woonketen_gate;
REVOKE EXECUTE ON FUNCTION gate.hidden_rows FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.hidden_rows TO woonketen_viewer;
REVOKE EXECUTE ON FUNCTION gate.hidden FROM woonketen_viewer;

-- How much is not processed yet tells when something comes in.
REVOKE EXECUTE ON FUNCTION gate.lag FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.lag TO woonketen_steward_feeds;

-- By column: a right on the whole table gives the place and the transaction of each row, and so the gaps between them.
REVOKE SELECT ON gate.viewer FROM woonketen_viewer;
GRANT SELECT (rolname, org, role, purpose, worker, districts, ref) ON gate.viewer TO woonketen_viewer;
REVOKE SELECT ON looks.look, looks.decision FROM woonketen_looks;
GRANT SELECT (trace_id, span_id, status, name, start_time, end_time, processing_activity_id, data_subject_id,
              data_subject_id_type, organisation, role, purpose, fields) ON looks.look TO woonketen_looks;
GRANT SELECT (trace_id, span_id, event_name, at, status, policies, request, response) ON looks.decision TO woonketen_looks;

DO $$
DECLARE
    each record;
    shown text;
BEGIN
    -- Nobody who looks makes anything: no function of his own runs over rows, no table of his own shadows another.
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RAISE NOTICE 'woonketen: only a superuser can close the counters of this database';
        RETURN;
    END IF;
    FOR each IN
        SELECT p.oid::regprocedure AS name, p.proname ~ '^(pg_advisory|pg_try_advisory|pg_notify)' AS ours
          FROM pg_proc p
         WHERE p.pronamespace = 'pg_catalog'::regnamespace
           AND (p.proname ~ '^(pg_stat_get_|pg_advisory|pg_try_advisory|lo_|pg_current_wal|pg_stat_have)'
                OR p.proname IN (
                    'pg_lock_status', 'pg_blocking_pids', 'pg_safe_snapshot_blocking_pids', 'pg_notify', 'pg_relation_size',
                    'pg_table_size', 'pg_indexes_size', 'pg_total_relation_size', 'pg_database_size', 'pg_tablespace_size',
                    'pg_column_size', 'pg_current_snapshot', 'txid_current_snapshot', 'pg_current_xact_id', 'txid_current',
                    'pg_current_xact_id_if_assigned', 'txid_current_if_assigned', 'pg_xact_status', 'txid_status',
                    'pg_logical_emit_message', 'pg_relation_filenode', 'pg_relation_filepath', 'pg_get_wal_stats',
                    'pg_notification_queue_usage', 'pg_prepared_xact', 'pg_cursor', 'pg_xact_commit_timestamp',
                    'pg_last_committed_xact', 'pg_control_checkpoint', 'pg_control_system', 'pg_control_recovery',
                    'pg_walfile_name', 'pg_walfile_name_offset', 'be_lo_unlink', 'loread', 'lowrite'))
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', each.name);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO pg_monitor', each.name);
        IF each.ours THEN
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO woonketen_processor, woonketen_gate, woonketen_quality', each.name);
        END IF;
    END LOOP;
    SELECT string_agg(quote_ident(attname), ', ') INTO shown FROM pg_attribute
     WHERE attrelid = 'pg_catalog.pg_class'::regclass AND attnum > 0
       AND attname NOT IN ('relpages', 'reltuples', 'relallvisible', 'relallfrozen', 'relfrozenxid', 'relminmxid',
                           'relfilenode');
    REVOKE SELECT ON pg_catalog.pg_class FROM PUBLIC;
    EXECUTE format('GRANT SELECT (%s) ON pg_catalog.pg_class TO PUBLIC', shown);
    GRANT SELECT ON pg_catalog.pg_class TO pg_monitor;
END
$$;
