-- Whoever writes an event down gives it its id: microseconds since 1970, and more than the one before in its thread. So a thread's events
-- have one order wherever they are kept, in this table or in Redis.
ALTER TABLE run_events ALTER COLUMN id DROP IDENTITY, DROP CONSTRAINT run_events_pkey;
DROP INDEX run_events_of_thread;
ALTER TABLE run_events ADD PRIMARY KEY (thread_id, id);
