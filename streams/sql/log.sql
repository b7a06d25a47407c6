-- The shared log. Append-only by GRANT: nobody who processes events may change, delete or truncate a record.
-- In clear stands only what says where a record is, since when it is known, whose it is and which key opens it.
CREATE SCHEMA IF NOT EXISTS log;

CREATE TABLE IF NOT EXISTS log.record (
    seq       bigint NOT NULL,          -- 1, 2, 3, … per partition, without a gap
    partition int NOT NULL,
    day       date NOT NULL,            -- the evening behind which it is known
    kind      "char" NOT NULL CHECK (kind IN ('f', 'w', 'd')),  -- fact, world, day closed
    ref       bytea,
    kid       bytea,
    sealed    bytea NOT NULL,
    PRIMARY KEY (partition, seq)
) PARTITION BY LIST (partition);
CREATE INDEX IF NOT EXISTS record_resident ON log.record (ref, seq) WHERE ref IS NOT NULL;
CREATE INDEX IF NOT EXISTS record_everybody ON log.record (seq) WHERE ref IS NULL;
CREATE INDEX IF NOT EXISTS record_everybody ON log.record (partition, seq) WHERE ref IS NULL;

-- The next number of each partition. Whoever appends holds the rows it needs until it commits, so records become
-- visible in the order of their numbers, and what is rolled back leaves no gap.
CREATE TABLE IF NOT EXISTS log.counter (
    partition int PRIMARY KEY,
    next      bigint NOT NULL DEFAULT 1
);

GRANT USAGE ON SCHEMA log TO woonketen_processor;
GRANT SELECT, INSERT ON log.record TO woonketen_processor;
GRANT SELECT, UPDATE ON log.counter TO woonketen_processor;
