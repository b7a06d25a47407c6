-- What the web server keeps: who is signed in, sign-ins on their way, partners' keys and their tokens. Tokens stand here
-- as hashes only; nobody but the processor reads or writes them.
CREATE SCHEMA web;

CREATE TABLE web.session (
    token        bytea PRIMARY KEY,         -- SHA-256 of what the browser holds
    rolname      name NOT NULL,
    purpose      text,
    signed_in_at timestamptz NOT NULL DEFAULT now(),
    seen_at      timestamptz NOT NULL DEFAULT now(),
    until        timestamptz NOT NULL       -- absolute
);
CREATE INDEX session_rolname ON web.session (rolname);

-- For what is new since the last look: the open day of the last two days on which somebody signed in.
CREATE TABLE web.visit (
    rolname  name PRIMARY KEY,
    day      date NOT NULL,
    previous date
);

CREATE TABLE web.sign_in (
    token    bytea PRIMARY KEY,             -- SHA-256 of what the browser holds meanwhile
    state    text NOT NULL,
    nonce    text NOT NULL,
    verifier text NOT NULL,
    back     text NOT NULL,
    until    timestamptz NOT NULL
);

-- Two keys at a time, so that a partner changes its key without a gap.
CREATE TABLE web.client_key (
    org        text NOT NULL,
    kid        text NOT NULL,
    jwk        jsonb NOT NULL,
    added_at   timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz,
    PRIMARY KEY (org, kid)
);

CREATE TABLE web.access_token (
    token bytea PRIMARY KEY,                -- SHA-256
    org   text NOT NULL,
    kid   text NOT NULL,
    until timestamptz NOT NULL
);

-- Assertions that were used, until they would have expired anyhow.
CREATE TABLE web.assertion (
    org   text NOT NULL,
    jti   bytea NOT NULL,                   -- SHA-256
    until timestamptz NOT NULL,
    PRIMARY KEY (org, jti)
);

DO $$
DECLARE
    each text;
BEGIN
    FOREACH each IN ARRAY ARRAY['session', 'visit', 'sign_in', 'client_key', 'access_token', 'assertion'] LOOP
        EXECUTE format('ALTER TABLE web.%I ENABLE ROW LEVEL SECURITY; ALTER TABLE web.%I FORCE ROW LEVEL SECURITY', each, each);
        EXECUTE format('CREATE POLICY processor ON web.%I TO woonketen_processor USING (true) WITH CHECK (true)', each);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON web.%I TO woonketen_processor', each);
    END LOOP;
END
$$;
GRANT USAGE ON SCHEMA web TO woonketen_processor;
