-- Figures for policy and council: frozen once a quarter, already protected. What they were counted from stands nowhere.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'woonketen_beleid') THEN
        CREATE ROLE woonketen_beleid NOLOGIN;
    END IF;
    IF NOT pg_has_role('woonketen_beleid', 'woonketen_viewer', 'MEMBER') THEN
        GRANT woonketen_viewer TO woonketen_beleid;
    END IF;
END
$$;

CREATE SCHEMA figures;
GRANT USAGE ON SCHEMA figures TO woonketen_processor;

-- `upto`: the last day that counts; `known_on`: the evening whose knowledge it was counted with.
CREATE TABLE figures.snapshot (
    quarter text PRIMARY KEY CHECK (quarter ~ '^[0-9]{4}Q[1-4]$'),
    upto date NOT NULL UNIQUE,
    known_on date NOT NULL,
    catalogue int NOT NULL,
    frozen_at timestamptz NOT NULL DEFAULT now()
);
-- `since`: the `upto` of the snapshot in which the row was counted last; `place` keeps the catalogue's order.
CREATE TABLE figures.cell (
    quarter text NOT NULL,
    place int NOT NULL,
    table_id text NOT NULL,
    row_id text NOT NULL,
    column_id text NOT NULL,
    title text NOT NULL,
    dimension text NOT NULL,
    part text NOT NULL,
    value int,
    shown text NOT NULL,
    band text,
    note text,
    since date NOT NULL,
    PRIMARY KEY (quarter, table_id, row_id, column_id)
);

-- Frozen: the processor adds a quarter and changes none.
GRANT SELECT, INSERT ON figures.snapshot, figures.cell TO woonketen_processor;
ALTER TABLE figures.snapshot ENABLE ROW LEVEL SECURITY;
ALTER TABLE figures.snapshot FORCE ROW LEVEL SECURITY;
ALTER TABLE figures.cell ENABLE ROW LEVEL SECURITY;
ALTER TABLE figures.cell FORCE ROW LEVEL SECURITY;
CREATE POLICY processor ON figures.snapshot TO woonketen_processor USING (true) WITH CHECK (true);
CREATE POLICY processor ON figures.cell TO woonketen_processor USING (true) WITH CHECK (true);
CREATE POLICY beleid ON figures.cell FOR SELECT TO woonketen_beleid USING (true);

GRANT USAGE ON SCHEMA figures TO woonketen_beleid;
GRANT SELECT (quarter, place, title, dimension, part, value, shown, band, note) ON figures.cell TO woonketen_beleid;

CREATE SCHEMA view_beleid;
GRANT USAGE ON SCHEMA view_beleid TO woonketen_beleid;
CREATE VIEW view_beleid.beleid WITH (security_invoker = true, security_barrier = true) AS
    SELECT quarter, title AS "table", dimension, part, value, shown, band, note
      FROM figures.cell ORDER BY quarter DESC, place;
GRANT SELECT ON view_beleid.beleid TO woonketen_beleid;
