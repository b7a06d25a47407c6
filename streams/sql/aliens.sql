-- Messages on `events` that are no record: nobody but a relay may write there, so `log stats` shows it.
ALTER TABLE log.worker ADD COLUMN aliens bigint NOT NULL DEFAULT 0;
