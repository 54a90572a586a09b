-- What runs streamed, for those who read it in another process or later.

ALTER TABLE runs
    -- Its events are kept, so that a client can come back for them.
    ADD COLUMN resumable boolean NOT NULL DEFAULT false,
    -- The process whose client follows the run from its beginning. Another process that executes the run writes its events down.
    ADD COLUMN follower  uuid,
    -- Somebody in another process joined it: whoever executes it writes down its events from then on.
    ADD COLUMN followed  boolean NOT NULL DEFAULT false;

CREATE INDEX threads_by_expiry ON threads (expires_at) WHERE expires_at IS NOT NULL;

-- While this lies ahead somebody reads the stream of the whole thread, and the events of its runs are written down.
ALTER TABLE threads ADD COLUMN followed_until timestamptz;

CREATE TABLE run_events (
    -- The order of a thread's events: one run of a thread executes at a time, and one process writes its events in order.
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    thread_id  uuid NOT NULL,
    run_id     uuid NOT NULL,
    -- The number of the event within its run; its SSE id.
    seq        bigint NOT NULL,
    name       text NOT NULL,
    data       bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX run_events_of_run ON run_events (run_id, seq);
CREATE INDEX run_events_of_thread ON run_events (thread_id, id);
CREATE INDEX run_events_by_age ON run_events USING brin (created_at);
