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
    CHECK ((wrapped IS NULL) = (destroyed_on IS NOT NULL))
);
CREATE UNIQUE INDEX IF NOT EXISTS key_live ON vault.key (ref, org, class) NULLS NOT DISTINCT
    WHERE destroyed_on IS NULL;

-- What the key-encryption key leaves behind to be known again by.
CREATE TABLE IF NOT EXISTS vault.known_kek (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    trace bytea NOT NULL
);

GRANT USAGE ON SCHEMA vault TO woonketen_processor;
-- A tombstone stays: whoever could delete one could make "erased" look like "lost".
GRANT SELECT, INSERT ON vault.key TO woonketen_processor;
GRANT UPDATE (wrapped, destroyed_on) ON vault.key TO woonketen_processor;
GRANT SELECT, INSERT ON vault.known_kek TO woonketen_processor;
