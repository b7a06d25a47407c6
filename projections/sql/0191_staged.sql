-- A rebuild of the scaled engine sorts what comes from Kafka in a temporary table. It does so as the processor, who is
-- nobody that looks.

DO $$
BEGIN
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO woonketen_processor', current_database());
END
$$;
