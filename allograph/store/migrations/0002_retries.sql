-- How often the worker of a run died. Not the same as its attempts: a worker that stops in order hands its runs back.
ALTER TABLE runs ADD COLUMN retries integer NOT NULL DEFAULT 0;
