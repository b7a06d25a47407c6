-- The scaled engine: what is on its way to Kafka, how far that is, and how far each door has read. On the embedded
-- engine these tables stay empty.

-- The send window: records that Kafka has not acknowledged yet, or that the step has not applied. `seq` was given by
-- log.counter in the transaction that made them.
CREATE TABLE IF NOT EXISTS log.window (
    seq       bigint NOT NULL,
    partition int NOT NULL,
    day       date NOT NULL,
    kind      "char" NOT NULL CHECK (kind IN ('f', 'w', 'd')),
    ref       bytea,
    kid       bytea,
    sealed    bytea NOT NULL,
    at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partition, seq)
);
CREATE INDEX IF NOT EXISTS window_resident ON log.window (ref, seq) WHERE ref IS NOT NULL;

-- Up to which record Kafka has acknowledged everything, and where that one lies on the topic.
CREATE TABLE IF NOT EXISTS log.relay (
    partition    int PRIMARY KEY,
    acked        bigint NOT NULL DEFAULT 0,
    kafka_offset bigint
);

-- Who moves something alone, and when it last showed that it moves: who finds it standing still takes over.
CREATE TABLE IF NOT EXISTS log.beat (
    name  text PRIMARY KEY,
    owner text NOT NULL,
    at    timestamptz NOT NULL
);

-- Up to which message each partner's topic was admitted, written in the transaction that admits; `ends` and `seen` are
-- what the door last saw of it.
CREATE TABLE IF NOT EXISTS admission.door (
    topic     text NOT NULL,
    partition int NOT NULL,
    org       text NOT NULL,
    next      bigint NOT NULL,
    ends      bigint,
    seen      timestamptz,
    PRIMARY KEY (topic, partition)
);

-- Receipts of refusals for partners who come in by Kafka, on their way to `refused.<org>`; sealed, for they name events.
CREATE TABLE IF NOT EXISTS admission.reply (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org    text NOT NULL,
    at     timestamptz NOT NULL DEFAULT now(),
    sealed bytea NOT NULL
);

-- Which engine this database belongs to: its log lies elsewhere on the other one.
ALTER TABLE admission.settings ADD COLUMN IF NOT EXISTS engine text NOT NULL DEFAULT 'embedded';

GRANT SELECT, INSERT, DELETE ON log.window TO woonketen_processor;
GRANT SELECT, INSERT, UPDATE ON log.relay, log.beat TO woonketen_processor;
GRANT SELECT, INSERT, UPDATE, DELETE ON admission.door, admission.reply TO woonketen_processor;
