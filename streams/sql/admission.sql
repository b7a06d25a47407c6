-- Admission's truth: who publishes, whom they mean, what was seen, what still waits. Pseudonyms, types and ids stand here
-- sealed or hashed; a resident is a random reference.
CREATE SCHEMA IF NOT EXISTS admission;

CREATE TABLE IF NOT EXISTS admission.settings (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    open_day   date NOT NULL,           -- the last closed day + 1: the only "today"
    first_day  date NOT NULL,
    partitions int NOT NULL,
    agreements bigint NOT NULL DEFAULT 0    -- changes whenever admission.agreement_event does
);

CREATE TABLE IF NOT EXISTS admission.org (
    org                text PRIMARY KEY,
    kind               text NOT NULL,
    sources            text[] NOT NULL,
    districts          text[] NOT NULL DEFAULT '{}',
    subject_url        text,
    phone              text,
    heartbeat_hours    int,
    heartbeat_weekends boolean NOT NULL DEFAULT true,
    left_on            date
);

-- Which resident an organisation means: AES-SIV over its pseudonym, bound to the organisation.
CREATE TABLE IF NOT EXISTS admission.pseudonym (
    siv bytea PRIMARY KEY,
    org text NOT NULL,
    ref bytea NOT NULL
);
CREATE INDEX IF NOT EXISTS pseudonym_ref ON admission.pseudonym (ref);

-- A resident that turned out to be another: no pseudonym leads to `ref` any more.
CREATE TABLE IF NOT EXISTS admission.merged (
    ref      bytea PRIMARY KEY,
    into_ref bytea NOT NULL
);
CREATE INDEX IF NOT EXISTS merged_into ON admission.merged (into_ref);

-- One row per opening or closing event, so that a correction, a retraction or a second copy finds its own.
CREATE TABLE IF NOT EXISTS admission.enrolment (
    key       bytea PRIMARY KEY,
    ref       bytea NOT NULL,
    id        bytea NOT NULL,           -- keyed hash of the enrolment's id
    programme text,                     -- null: this event closes it
    day       date NOT NULL,
    rank      bytea NOT NULL,           -- sealed (time, id): of several copies the highest counts
    corrected bytea,                    -- sealed (time, id) of the correction that these values come from
    retracted boolean NOT NULL DEFAULT false
);
CREATE INDEX IF NOT EXISTS enrolment_ref ON admission.enrolment (ref);

-- What decides whether arrears may be signalled: one row per balance, effort and objection.
CREATE TABLE IF NOT EXISTS admission.signalling (
    key       bytea PRIMARY KEY,
    ref       bytea NOT NULL,
    about     bytea NOT NULL,           -- keyed hash of the lease or of the objection
    kind      text NOT NULL,
    day       date NOT NULL,
    rank      bytea NOT NULL,           -- sealed (time, id)
    corrected bytea,                    -- sealed (time, id) of the correction that these values come from
    retracted boolean NOT NULL DEFAULT false
);
CREATE INDEX IF NOT EXISTS signalling_ref ON admission.signalling (ref);

CREATE TABLE IF NOT EXISTS admission.agreement_event (
    key         bytea PRIMARY KEY,
    id          text NOT NULL,
    programme   text,                   -- null: this event ends it
    orgs        text[] NOT NULL DEFAULT '{}',
    purposes    text[] NOT NULL DEFAULT '{}',
    valid_from  date,
    valid_until date,
    day         date NOT NULL,
    at          timestamptz NOT NULL,   -- with event_id: of several copies the highest counts
    event_id    text NOT NULL,
    corrected_at timestamptz,           -- the same of the correction that these values come from
    corrected_id text,
    retracted   boolean NOT NULL DEFAULT false
);
CREATE OR REPLACE VIEW admission.agreement AS
    SELECT DISTINCT ON (id) id, programme, orgs, purposes, valid_from, valid_until,
        (SELECT e.day FROM admission.agreement_event e
          WHERE e.id = s.id AND e.programme IS NULL AND NOT e.retracted
          ORDER BY e.at DESC, e.event_id COLLATE "C" DESC LIMIT 1) AS ended_on
    FROM admission.agreement_event s
    WHERE programme IS NOT NULL AND NOT retracted
    ORDER BY id, at DESC, event_id COLLATE "C" DESC;

-- Every event that was taken, over all doors. Refused ones are not here: they may be sent again.
CREATE TABLE IF NOT EXISTS admission.seen (
    key    bytea PRIMARY KEY,           -- of (source, id)
    digest bytea NOT NULL,              -- keyed, of type, subject and data
    status "char" NOT NULL CHECK (status IN ('a', 'p')),    -- accepted, parked
    day    date NOT NULL,
    memo   bytea NOT NULL               -- sealed: type and resident, for corrections
);

-- Events of residents who were erased: for thirty days a copy that comes late is refused, and not taken for new.
CREATE TABLE IF NOT EXISTS admission.erased (
    token bytea PRIMARY KEY,            -- keyed hash of the key that stood in admission.seen
    until date NOT NULL
);

-- Events that wait for a link, an enrolment, an agreement or the original that they correct.
CREATE TABLE IF NOT EXISTS admission.parked (
    key       bytea PRIMARY KEY,
    org       text NOT NULL,
    waits_for text NOT NULL,
    waits_on  bytea NOT NULL,           -- a keyed hash of what must arrive
    also_on   bytea,                    -- or of something else that may help
    since     date NOT NULL,
    sealed    bytea NOT NULL
);
CREATE INDEX IF NOT EXISTS parked_waits_on ON admission.parked (waits_on);
CREATE INDEX IF NOT EXISTS parked_also_on ON admission.parked (also_on) WHERE also_on IS NOT NULL;
CREATE INDEX IF NOT EXISTS parked_since ON admission.parked (since);

-- What became of events that were parked, for their publisher.
CREATE TABLE IF NOT EXISTS admission.outcome (
    key    bytea PRIMARY KEY,
    org    text NOT NULL,
    status text NOT NULL,
    reason text,
    detail text,
    mend   text,
    at     timestamptz NOT NULL,
    memo   bytea NOT NULL               -- sealed: source and id
);
CREATE INDEX IF NOT EXISTS outcome_org ON admission.outcome (org);

CREATE TABLE IF NOT EXISTS admission.refusal (
    org    text NOT NULL,
    at     timestamptz NOT NULL,
    type   text,                        -- only a type of the catalogue
    reason text NOT NULL,
    detail text,
    mend   text
);
CREATE INDEX IF NOT EXISTS refusal_org ON admission.refusal (org, at);

CREATE TABLE IF NOT EXISTS admission.feed (
    org           text PRIMARY KEY,
    last_event_at timestamptz,
    heartbeat_at  timestamptz
);

CREATE TABLE IF NOT EXISTS admission.tally (
    org    text NOT NULL,
    hour   timestamptz NOT NULL,
    status text NOT NULL,
    n      bigint NOT NULL,
    PRIMARY KEY (org, hour, status)
);

CREATE TABLE IF NOT EXISTS admission.link (
    code       bytea PRIMARY KEY,       -- keyed hash: the code itself is nowhere
    by_org     text NOT NULL,
    ref        bytea NOT NULL,
    for_org    text NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);

-- Rows of this resident may be shown only when they were computed from this record or a later one: until the step has
-- caught up with a withdrawal, an objection, a flag or a merge, nothing is shown.
CREATE TABLE IF NOT EXISTS admission.restricting (
    ref       bytea PRIMARY KEY,
    partition int NOT NULL,
    seq       bigint NOT NULL
);

GRANT USAGE ON SCHEMA admission TO woonketen_processor;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA admission TO woonketen_processor;
