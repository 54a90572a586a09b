-- The runs that began tasks of A2A, which are listed by assistant.
CREATE INDEX runs_tasks ON runs (assistant_id, seq DESC) WHERE metadata ? 'a2a' AND NOT metadata ? 'a2a_task';
