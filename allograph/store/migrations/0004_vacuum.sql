-- A run changes status three times in its life, and the queue's partial indexes keep an entry of each until they are vacuumed: with the
-- default of a fifth of the table, claims get slower with the number of runs that ever were.
ALTER TABLE runs SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 2000
);
ALTER TABLE threads SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
