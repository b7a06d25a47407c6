-- What is remembered so that codes cannot be tried out, and what stewards can see was done to whose rows (never whose).
ALTER TABLE admission.parked ADD COLUMN IF NOT EXISTS at timestamptz;     -- of its receipt
ALTER TABLE admission.parked ALTER COLUMN at SET DEFAULT now();

-- Codes that did not work, by the organisation that tried them. Kept for a day.
CREATE TABLE IF NOT EXISTS admission.link_try (
    org text NOT NULL,
    at  timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS link_try_org ON admission.link_try (org, at);

-- Beside the proofs that stand in the ledger: merges, and what was opened in an emergency. `hash` leads to the record
-- of the look, or to nothing outside this database.
CREATE TABLE IF NOT EXISTS admission.proof (
    at    timestamptz NOT NULL,
    kind  text NOT NULL,
    scope text NOT NULL,
    rows  bigint NOT NULL,
    keys  bigint NOT NULL,
    hash  bytea NOT NULL
);

GRANT SELECT, INSERT, DELETE ON admission.link_try TO woonketen_processor;
GRANT SELECT, INSERT ON admission.proof TO woonketen_processor;
