-- Calls that are owed to the webhooks of runs that ended: written in the transaction that ends the run, deleted when they were answered.
CREATE TABLE webhooks (
    webhook_id      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    run_id          uuid NOT NULL,
    url             text NOT NULL,
    payload         json NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    -- Counts from the moment a process takes the call; what it says of the call counts only with the same number.
    attempts        integer NOT NULL DEFAULT 0,
    -- A call that is being made is due again after the longest time that it may take: its process may have died.
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    last_error      text,
    -- Given up; kept for a while, with the reason.
    failed_at       timestamptz
);
CREATE INDEX webhooks_due ON webhooks (next_attempt_at) WHERE failed_at IS NULL;
CREATE INDEX webhooks_failed ON webhooks (failed_at) WHERE failed_at IS NOT NULL;

ALTER TABLE runs
    ADD COLUMN webhook    text,
    -- When the first attempt began.
    ADD COLUMN started_at timestamptz;

-- Ended runs are swept by age where the operator asks for it.
CREATE INDEX runs_by_age ON runs USING brin (updated_at);
