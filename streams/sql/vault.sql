-- The data keys, wrapped by a key-encryption key that is not in this database. One per resident, organisation and
-- retention class. `class` is a keyed hash: "safety" or "care" in clear would tell what stands in the log.
CREATE SCHEMA IF NOT EXISTS vault;

CREATE TABLE IF NOT EXISTS vault.key (
    kid          bytea PRIMARY KEY,
    ref          bytea,                 -- null: facts about everybody
    org          text NOT NULL,
    class        bytea NOT NULL,
    wrapped      bytea,                 -- null: destroyed; what it sealed reads as erased
    destroyed_on date,
    epoch        int NOT NULL DEFAULT 1,    -- of the key-encryption key that wraps it
    gone         bigint,                -- which destruction it went with: other processes forget what they opened
    CHECK ((wrapped IS NULL) = (destroyed_on IS NOT NULL))
);
CREATE UNIQUE INDEX IF NOT EXISTS key_live ON vault.key (ref, org, class) NULLS NOT DISTINCT
    WHERE destroyed_on IS NULL;

CREATE INDEX IF NOT EXISTS key_gone ON vault.key (gone) WHERE gone IS NOT NULL;
CREATE SEQUENCE IF NOT EXISTS vault.gone;

-- What the key-encryption key leaves behind to be known again by.
CREATE TABLE IF NOT EXISTS vault.known_kek (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    trace bytea NOT NULL,
    epoch int NOT NULL DEFAULT 1,       -- which of the file's keys wraps and seals now
    ledger bytea                        -- the first line of the erasure ledger that belongs to this database
);

-- What was destroyed or restored, and by which line of the ledger outside this database it is proven. Nothing personal.
CREATE TABLE IF NOT EXISTS vault.proof (
    entry   bytea PRIMARY KEY,          -- hash of the ledger's line
    request text NOT NULL,
    at      timestamptz NOT NULL,
    kind    text NOT NULL,
    scope   text NOT NULL,
    rows    bigint NOT NULL,
    keys    bigint NOT NULL
);

GRANT USAGE ON SCHEMA vault TO woonketen_processor;
-- A tombstone stays: whoever could delete one could make "erased" look like "lost".
GRANT SELECT, INSERT ON vault.key TO woonketen_processor;
GRANT UPDATE (wrapped, destroyed_on, epoch, gone) ON vault.key TO woonketen_processor;
GRANT USAGE ON SEQUENCE vault.gone TO woonketen_processor;
GRANT SELECT, INSERT ON vault.known_kek TO woonketen_processor;
GRANT UPDATE (epoch, ledger) ON vault.known_kek TO woonketen_processor;
GRANT SELECT, INSERT ON vault.proof TO woonketen_processor;
