"""Runs as the tasks of A2A: a run that a message began, and those that answered its interrupts.

Runs made through A2A have `a2a` in their metadata; one that resumes a task names the task's first run as `a2a_task`.
"""

from __future__ import annotations

from typing import Any, LiteralString
from uuid import UUID

from allograph.store.database import EVERYTHING, Allowed, Database, Row, within

_SHOWN: LiteralString = (
    "run_id, thread_id, assistant_id, status, error, updated_at, array_agg(run_id) OVER (PARTITION BY thread_id ORDER BY seq DESC"
    " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS run_ids"
)

_NEWEST_RUN: LiteralString = f"""
SELECT {_SHOWN} FROM runs
WHERE thread_id = %(thread_id)s AND (run_id = %(run_id)s OR metadata->>'a2a_task' = %(run_id)s::text)
ORDER BY seq DESC LIMIT 1
"""

# The task goes by its newest run. The first runs of an assistant's tasks have an index of their own.
_TASKS: LiteralString = f"""
SELECT first.run_id AS task, newest.*, count(*) OVER () AS total
FROM runs AS first
JOIN threads ON threads.thread_id = first.thread_id AND threads.metadata @> ANY(%(allowed)s::jsonb[])
CROSS JOIN LATERAL (
    SELECT {_SHOWN} FROM runs
    WHERE thread_id = first.thread_id AND (run_id = first.run_id OR metadata->>'a2a_task' = first.run_id::text)
    ORDER BY seq DESC LIMIT 1
) AS newest
WHERE first.assistant_id = %(assistant_id)s AND first.metadata ? 'a2a' AND NOT first.metadata ? 'a2a_task'
    AND (%(thread_id)s::uuid IS NULL OR first.thread_id = %(thread_id)s)
ORDER BY first.seq DESC LIMIT %(limit)s OFFSET %(offset)s
"""

# A run that waits for an answer has ended; given up, it counts as cancelled.
_GIVE_UP: LiteralString = "UPDATE runs SET status = 'interrupted', updated_at = now() WHERE run_id = %s AND status = 'success'"


class Tasks:
    """Rows say of the newest run of a task: `run_id, thread_id, assistant_id, status, error, updated_at`, and of all of them
    `run_ids`, newest first."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def newest_run(self, thread_id: UUID, first_run_id: UUID) -> Row | None:
        return await self.database.fetch_one(_NEWEST_RUN, {"thread_id": thread_id, "run_id": first_run_id})

    async def page(
        self, assistant_id: UUID, thread_id: UUID | None, limit: int, offset: int, allowed: Allowed = EVERYTHING
    ) -> list[Row]:
        """Tasks of an assistant, of a thread or of all, newest first; rows have the first run as `task`, and the `total`.

        `allowed` is what the metadata of their threads must contain.
        """
        parameters: dict[str, Any] = {
            "assistant_id": assistant_id, "thread_id": thread_id, "limit": limit, "offset": offset, "allowed": within(allowed),
        }  # fmt: skip
        return await self.database.fetch_all(_TASKS, parameters)

    async def give_up(self, run_id: UUID) -> bool:
        """A run that waits for an answer will get none."""
        return await self.database.execute(_GIVE_UP, [run_id]) > 0
