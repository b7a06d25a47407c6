-- The end of a term: which lists of a controller a steward has approved, and what a legal hold keeps. Residents stand here
-- as references, facts as keyed hashes; a list's hashes are gone when it is done.
CREATE TABLE gate.retention_list (
    id          text PRIMARY KEY,
    org         text NOT NULL,
    on_day      date NOT NULL,
    approved_by name NOT NULL,
    approved_at timestamptz NOT NULL DEFAULT now(),
    counts      jsonb NOT NULL,         -- activity → events
    residents   bigint NOT NULL,
    done_at     timestamptz
);
CREATE TABLE gate.retention_item (
    list  text NOT NULL REFERENCES gate.retention_list,
    token bytea NOT NULL,
    PRIMARY KEY (list, token)
);
CREATE TABLE gate.hold (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org      text NOT NULL,
    ref      bytea,                     -- one resident, or
    activity text,                      -- one activity of the organisation
    reason   text NOT NULL,
    since    date NOT NULL,
    until    date NOT NULL,
    ended_on date,
    set_by   name NOT NULL,
    CHECK ((ref IS NULL) <> (activity IS NULL))
);
ALTER TABLE gate.retention_list ENABLE ROW LEVEL SECURITY;
ALTER TABLE gate.retention_list FORCE ROW LEVEL SECURITY;
ALTER TABLE gate.retention_item ENABLE ROW LEVEL SECURITY;
ALTER TABLE gate.retention_item FORCE ROW LEVEL SECURITY;
ALTER TABLE gate.hold ENABLE ROW LEVEL SECURITY;
ALTER TABLE gate.hold FORCE ROW LEVEL SECURITY;
CREATE POLICY processor ON gate.retention_list TO woonketen_processor USING (true) WITH CHECK (true);
CREATE POLICY processor ON gate.retention_item TO woonketen_processor USING (true) WITH CHECK (true);
CREATE POLICY processor ON gate.hold TO woonketen_processor USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON gate.retention_list TO woonketen_processor;
GRANT SELECT, INSERT, DELETE ON gate.retention_item TO woonketen_processor;
GRANT SELECT, INSERT, UPDATE, DELETE ON gate.hold TO woonketen_processor;

-- Proofs: what stands in the ledger outside this database, merges, and what was opened in an emergency.
CREATE OR REPLACE VIEW view_steward_proofs.steward_proofs WITH (security_barrier = true) AS
    SELECT to_char(p.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS at, p.kind, p.scope, p.rows, p.keys,
           encode(p.hash, 'hex') AS proof_hash
      FROM (SELECT at, kind, scope, rows, keys, entry AS hash FROM vault.proof
            UNION ALL SELECT at, kind, scope, rows, keys, hash FROM admission.proof) AS p
     ORDER BY p.at, proof_hash;
