-- Assistants, threads and runs. Columns of type json keep what was given as it was given (key order included);
-- jsonb is for what searches look into.

CREATE TABLE assistants (
    assistant_id uuid PRIMARY KEY,
    graph_id     text NOT NULL,
    name         text NOT NULL,
    description  text,
    config       json NOT NULL DEFAULT '{}',
    context      json NOT NULL DEFAULT '{}',
    metadata     jsonb NOT NULL DEFAULT '{}',
    version      integer NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX assistants_by_creation ON assistants (created_at DESC, assistant_id);
CREATE INDEX assistants_by_graph ON assistants (graph_id, created_at DESC);
CREATE INDEX assistants_by_metadata ON assistants USING gin (metadata jsonb_path_ops);

CREATE TABLE assistant_versions (
    assistant_id uuid NOT NULL REFERENCES assistants ON DELETE CASCADE,
    version      integer NOT NULL,
    graph_id     text NOT NULL,
    name         text NOT NULL,
    description  text,
    config       json NOT NULL,
    context      json NOT NULL,
    metadata     jsonb NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (assistant_id, version)
);

CREATE TABLE threads (
    thread_id        uuid PRIMARY KEY,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    state_updated_at timestamptz NOT NULL DEFAULT now(),
    metadata         jsonb NOT NULL DEFAULT '{}',
    config           json NOT NULL DEFAULT '{}',
    -- Runs of this thread that are pending or running. Counted here because a statement that waited for this row's lock sees
    -- its newest version, but sees the rows of "runs" as they were when the statement began.
    active_runs      integer NOT NULL DEFAULT 0 CHECK (active_runs >= 0),
    -- What the thread is when nothing runs on it.
    resting_status   text NOT NULL DEFAULT 'idle' CHECK (resting_status IN ('idle', 'interrupted', 'error')),
    status           text NOT NULL GENERATED ALWAYS AS (CASE WHEN active_runs > 0 THEN 'busy' ELSE resting_status END) STORED,
    "values"         json,
    interrupts       json NOT NULL DEFAULT '{}',
    error            json,
    ttl_strategy     text CHECK (ttl_strategy IN ('delete', 'keep_latest')),
    ttl_minutes      double precision,
    expires_at       timestamptz,
    -- The thread of a stateless run with on_completion "delete": goes with its run.
    temporary        boolean NOT NULL DEFAULT false
) WITH (fillfactor = 85);
CREATE INDEX threads_by_update ON threads (updated_at DESC, thread_id);
CREATE INDEX threads_by_creation ON threads (created_at DESC, thread_id);
CREATE INDEX threads_by_status ON threads (status, updated_at DESC) WHERE status <> 'idle';
CREATE INDEX threads_by_metadata ON threads USING gin (metadata jsonb_path_ops);
CREATE INDEX threads_temporary ON threads (thread_id) WHERE temporary;

CREATE TABLE runs (
    run_id             uuid PRIMARY KEY,
    -- The order of acceptance within a thread: taken while the thread's row is locked.
    seq                bigint GENERATED ALWAYS AS IDENTITY,
    thread_id          uuid NOT NULL REFERENCES threads ON DELETE CASCADE,
    assistant_id       uuid NOT NULL,
    graph_id           text NOT NULL,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    status             text NOT NULL CHECK (status IN ('pending', 'running', 'error', 'success', 'timeout', 'interrupted')),
    metadata           jsonb NOT NULL DEFAULT '{}',
    kwargs             json NOT NULL,
    multitask_strategy text NOT NULL DEFAULT 'enqueue',
    run_after          timestamptz NOT NULL DEFAULT now(),
    attempt            integer NOT NULL DEFAULT 0,
    worker_id          uuid,
    -- A cancel that was asked for and not carried out yet.
    cancel_action      text CHECK (cancel_action IN ('interrupt', 'rollback')),
    error              json
) WITH (fillfactor = 85);
CREATE UNIQUE INDEX runs_one_running ON runs (thread_id) WHERE status = 'running';
CREATE INDEX runs_pending ON runs (seq) WHERE status = 'pending';
CREATE INDEX runs_active ON runs (thread_id, seq) WHERE status IN ('pending', 'running');
CREATE INDEX runs_of_worker ON runs (worker_id) WHERE status = 'running';
CREATE INDEX runs_by_thread ON runs (thread_id, seq DESC);

-- A worker that is silent past "lease_until" is dead: its runs are taken up by others.
CREATE TABLE workers (
    worker_id   uuid PRIMARY KEY,
    lease_until timestamptz NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT now()
);
