-- The scaled engine: Apache Kafka holds the log, and PostgreSQL what a step needs of it. `log.record` has what the step
-- has applied, filled in the transaction of its position; what is appended waits in `log.window` until Kafka has it and
-- the step has applied it. Together they are the whole log at every moment, so whoever asks after one resident asks here.
CREATE VIEW log.told WITH (security_invoker = true) AS
    SELECT partition, seq, day, kind, ref, kid, sealed FROM log.record
    UNION ALL
    SELECT partition, seq, day, kind, ref, kid, sealed FROM log.window w
     WHERE NOT EXISTS (SELECT FROM log.record r WHERE r.partition = w.partition AND r.seq = w.seq);

-- Where to read on: no record that is still to be applied lies only before `kafka_offset`. The rest counts how often a
-- worker died over the same records (`streams/log/trial.py`) and how often the next record did not come.
CREATE TABLE log.reading (
    partition    int PRIMARY KEY,
    kafka_offset bigint NOT NULL DEFAULT 0,
    after        bigint NOT NULL DEFAULT 0,
    tries        int NOT NULL DEFAULT 0,
    careful_upto bigint NOT NULL DEFAULT 0,
    alone        int NOT NULL DEFAULT 0,
    stalls       int NOT NULL DEFAULT 0
);

GRANT SELECT ON log.told TO woonketen_processor;
GRANT SELECT, INSERT, UPDATE ON log.reading TO woonketen_processor;

-- Who works, for `log stats`: a worker tells every few seconds what it does.
CREATE TABLE log.worker (
    name       text PRIMARY KEY,
    partitions int[] NOT NULL,
    rebalances int NOT NULL,
    applied    bigint NOT NULL,
    copies     bigint NOT NULL,
    at         timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT, UPDATE, DELETE ON log.worker TO woonketen_processor;

-- After a database was put back from before what Kafka holds: records that are there and count for nothing. What they
-- said comes again from the partners, under later numbers.
CREATE TABLE log.void (
    partition int NOT NULL,
    first     bigint NOT NULL,
    last      bigint NOT NULL CHECK (last >= first),
    PRIMARY KEY (partition, first)
);
GRANT SELECT ON log.void TO woonketen_processor;
