-- Runs that are made at times of a schedule.

CREATE TABLE crons (
    cron_id          uuid PRIMARY KEY,
    -- Without its assistant or its thread a cron has nothing to run.
    assistant_id     uuid NOT NULL REFERENCES assistants ON DELETE CASCADE,
    thread_id        uuid REFERENCES threads ON DELETE CASCADE,
    user_id          text NOT NULL DEFAULT '',
    on_run_completed text CHECK (on_run_completed IN ('delete', 'keep')),
    end_time         timestamptz,
    schedule         text NOT NULL,
    timezone         text,
    -- The body that asked for it: what each run is made from.
    payload          json NOT NULL,
    metadata         jsonb NOT NULL DEFAULT '{}',
    enabled          boolean NOT NULL DEFAULT true,
    -- The tick that comes next; null when none does.
    next_run_date    timestamptz,
    -- When it fired last. A clock that is set back must not make what was already done due again.
    last_run_date    timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX crons_due ON crons (next_run_date) WHERE enabled;
CREATE INDEX crons_by_creation ON crons (created_at DESC, cron_id);
CREATE INDEX crons_by_thread ON crons (thread_id) WHERE thread_id IS NOT NULL;
CREATE INDEX crons_by_assistant ON crons (assistant_id);
CREATE INDEX crons_by_metadata ON crons USING gin (metadata jsonb_path_ops);
