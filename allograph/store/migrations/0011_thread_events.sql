-- The events of a thread are numbered, for clients that follow the thread and not one run.

ALTER TABLE run_events
    -- How many events of the thread-centric protocol the thread has had, this row included: a row is none, one or several.
    ADD COLUMN thread_seq bigint NOT NULL DEFAULT 0;

-- The same number when the last recorded run ended, for when its events are not kept any more.
ALTER TABLE threads ADD COLUMN event_seq bigint NOT NULL DEFAULT 0;
