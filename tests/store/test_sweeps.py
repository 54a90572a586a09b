"""What has ended is swept by every process at once: each row goes, none is waited for, what is young or active stays."""

from __future__ import annotations

import asyncio
from typing import LiteralString

from allograph.store import run_events, runs
from allograph.store.database import Database, Notifications
from allograph.store.run_events import RunEvents
from allograph.store.runs import Runs

# Runs on threads of their own: old ones that have ended, old ones that execute, young ones that have ended.
_FILL: LiteralString = """
WITH assistant AS (
    INSERT INTO assistants (assistant_id, graph_id, name) VALUES (gen_random_uuid(), 'swept', 'swept') RETURNING assistant_id
),
thread AS (
    INSERT INTO threads (thread_id, active_runs) SELECT gen_random_uuid(), 0 FROM generate_series(1, %(runs)s) RETURNING thread_id
),
numbered AS (SELECT thread_id, row_number() OVER () AS n FROM thread),
run AS (
    INSERT INTO runs (run_id, thread_id, assistant_id, graph_id, kwargs, multitask_strategy, status, updated_at)
    SELECT gen_random_uuid(), thread_id, assistant_id, 'swept', '{}', 'enqueue',
        CASE WHEN n %% 10 = 0 THEN 'running' ELSE 'success' END,
        now() - make_interval(hours => CASE n %% 10 WHEN 1 THEN 0 ELSE 2 END)
    FROM numbered, assistant
    RETURNING run_id, thread_id, updated_at
)
INSERT INTO run_events (thread_id, id, run_id, seq, name, data, created_at)
SELECT thread_id, n, run_id, n, 'values', '{}', updated_at FROM run, generate_series(1, %(events)s) AS n
"""


async def test_four_processes_sweep_at_once(database: Database, conninfo: str) -> None:
    others = [Database(conninfo, 2) for _ in range(3)]
    for other in others:
        await other.open()
    try:
        await database.execute(_FILL, {"runs": 4000, "events": 12})
        everywhere = [database, *others]
        logs = [RunEvents(one, Notifications(one)) for one in everywhere]
        await asyncio.gather(*(log.sweep(3600) for log in logs))
        left = await database.fetch_all("""
            SELECT status, updated_at > now() - interval '1 hour' AS young, count(*) AS n
            FROM run_events JOIN runs USING (run_id) GROUP BY 1, 2 ORDER BY 1
        """)
        assert [(row["status"], row["young"], row["n"]) for row in left] == [("running", False, 4800), ("success", True, 4800)]
        await asyncio.gather(*(Runs(one).sweep_ended(3600) for one in everywhere))
        left = await database.fetch_all("SELECT status, count(*) AS n FROM runs GROUP BY 1 ORDER BY 1")
        assert [(row["status"], row["n"]) for row in left] == [("running", 400), ("success", 400)]
        # More than one transaction's worth of each.
        assert 3 * run_events.SWEPT_AT_ONCE < 4000 * 12
        assert 3 * runs.SWEPT_AT_ONCE < 4000
    finally:
        for other in others:
            await other.close()
