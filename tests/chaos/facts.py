"""Asks the database and the API what came of everything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any, LiteralString

import httpx
import psycopg
from psycopg.rows import dict_row

from tests.chaos.history import CheckpointRow, Facts, RunRow, ThreadRow

_RUNS: LiteralString = """
SELECT run_id::text, thread_id::text, seq, status, attempt, kwargs::jsonb AS kwargs,
    coalesce(error ->> 'error' = 'UnknownInterruptError', false) AS refused
FROM runs ORDER BY seq
"""

_THREADS: LiteralString = """
SELECT thread_id::text, status, active_runs, temporary, "values"::jsonb AS shown FROM threads ORDER BY thread_id
"""

_CHECKPOINTS: LiteralString = """
SELECT thread_id, checkpoint_id, parent_checkpoint_id, metadata ->> 'run_id' AS run_id FROM checkpoints
WHERE checkpoint_ns = '' ORDER BY thread_id, checkpoint_id
"""

_EVENTS: LiteralString = "SELECT id, thread_id::text, run_id::text, seq, name FROM run_events ORDER BY id"

_ORPHANS: LiteralString = """
SELECT DISTINCT thread_id FROM (
    SELECT thread_id FROM checkpoints UNION SELECT thread_id FROM checkpoint_blobs UNION SELECT thread_id FROM checkpoint_writes
) AS of_checkpoints WHERE NOT EXISTS (SELECT FROM threads WHERE threads.thread_id::text = of_checkpoints.thread_id)
"""


def active_runs(conninfo: str) -> int:
    return _count(conninfo, "SELECT count(*) AS n FROM runs WHERE status IN ('pending', 'running')")


def temporary_threads(conninfo: str) -> int:
    return _count(conninfo, "SELECT count(*) AS n FROM threads WHERE temporary")


def _count(conninfo: str, statement: LiteralString) -> int:
    with connected(conninfo) as connection:
        return int(connection.execute(statement).fetchall()[0]["n"])


def gather(conninfo: str, url: str, threads: Collection[str] | None = None) -> Facts:
    """Everything that the checker looks at; of all threads, or of these."""

    def rows(statement: LiteralString) -> list[dict[str, Any]]:
        with connected(conninfo) as connection:
            found = connection.execute(statement).fetchall()
        return found if threads is None else [row for row in found if row["thread_id"] in threads]

    facts = Facts(orphans=[row["thread_id"] for row in rows(_ORPHANS)])
    for row in rows(_RUNS):
        kwargs = row.pop("kwargs")
        given = kwargs["input"] or {}
        delayed = bool(kwargs["config"]["configurable"].get("__after_seconds__"))
        facts.runs.append(
            RunRow(**row, tag=given.get("tag", ""), steps=given.get("steps", 0), delayed=delayed, temporary=kwargs["temporary"])
        )
    checkpoints: dict[str, list[CheckpointRow]] = defaultdict(list)
    for row in rows(_CHECKPOINTS):
        checkpoints[row["thread_id"]].append(CheckpointRow(row["checkpoint_id"], row["parent_checkpoint_id"], row["run_id"]))
    facts.checkpoints = dict(checkpoints)
    events: dict[str, list[tuple[int, str]]] = defaultdict(list)
    thread_events: dict[str, list[int]] = defaultdict(list)
    for row in rows(_EVENTS):
        events[row["run_id"]].append((row["seq"], row["name"]))
        thread_events[row["thread_id"]].append(row["id"])
    facts.events, facts.thread_events = dict(events), dict(thread_events)
    with httpx.Client(base_url=url, timeout=60) as http:
        for row in rows(_THREADS):
            shown = row.pop("shown") or {}
            values = http.get(f"/threads/{row['thread_id']}/state").raise_for_status().json()["values"] or {}
            facts.threads.append(ThreadRow(**row, shown=shown.get("entries", []), entries=values.get("entries", [])))
    return facts


def connected(conninfo: str) -> psycopg.Connection[dict[str, Any]]:
    return psycopg.connect(conninfo, autocommit=True, row_factory=dict_row, connect_timeout=10)
