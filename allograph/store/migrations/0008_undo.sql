-- What a run that goes on from an earlier run's checkpoint found written behind that checkpoint, before it wrote there itself: answers
-- to interrupts, and what tasks have done. Put back when the run is rolled back, and before it starts anew after its worker died.
CREATE TABLE undo_writes (
    run_id        uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
    checkpoint_ns text NOT NULL,
    checkpoint_id text NOT NULL,
    task_id       text NOT NULL,
    idx           integer NOT NULL,
    -- NULL when nothing stood there.
    channel       text,
    type          text,
    blob          bytea,
    PRIMARY KEY (run_id, checkpoint_ns, checkpoint_id, task_id, idx)
);
