"""What LangGraph's Postgres saver keeps, and the statements on it that the saver does not have."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, LiteralString
from uuid import UUID

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from allograph.store.database import Connection, Database, again
from allograph.store.runs import ClaimedRun
from allograph.store.saver import HELD, RunSaver, RunTakenError, Saver, storage

_COPY: tuple[LiteralString, ...] = (
    """
    INSERT INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata)
    SELECT %(target)s, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint,
        CASE WHEN metadata ? 'thread_id' THEN jsonb_set(metadata, '{thread_id}', to_jsonb(%(target)s::text)) ELSE metadata END
    FROM checkpoints WHERE thread_id = %(source)s
    """,
    """
    INSERT INTO checkpoint_blobs (thread_id, checkpoint_ns, channel, version, type, blob)
    SELECT %(target)s, checkpoint_ns, channel, version, type, blob FROM checkpoint_blobs WHERE thread_id = %(source)s
    """,
    """
    INSERT INTO checkpoint_writes (thread_id, checkpoint_ns, checkpoint_id, task_id, idx, channel, type, blob, task_path)
    SELECT %(target)s, checkpoint_ns, checkpoint_id, task_id, idx, channel, type, blob, task_path
    FROM checkpoint_writes WHERE thread_id = %(source)s
    """,
)

_DELETE: tuple[LiteralString, ...] = (
    "DELETE FROM checkpoints WHERE thread_id = ANY(%s)",
    "DELETE FROM checkpoint_blobs WHERE thread_id = ANY(%s)",
    "DELETE FROM checkpoint_writes WHERE thread_id = ANY(%s)",
)

_DELETE_OF_RUN: LiteralString = """
WITH gone AS (
    DELETE FROM checkpoints WHERE thread_id = %(thread_id)s AND metadata ->> 'run_id' = %(run_id)s
    RETURNING checkpoint_ns, checkpoint_id
)
DELETE FROM checkpoint_writes AS w USING gone
WHERE w.thread_id = %(thread_id)s AND w.checkpoint_ns = gone.checkpoint_ns AND w.checkpoint_id = gone.checkpoint_id
"""

# What a run wrote behind the checkpoints of earlier runs gives way to what stood there before.
_UNDO_WRITES: LiteralString = """
WITH undone AS (DELETE FROM undo_writes WHERE run_id = %(run_id)s RETURNING *),
gone AS (
    DELETE FROM checkpoint_writes AS w USING undone AS u
    WHERE w.thread_id = %(thread_id)s AND w.checkpoint_ns = u.checkpoint_ns AND w.checkpoint_id = u.checkpoint_id
        AND w.task_id = u.task_id AND w.idx = u.idx AND u.channel IS NULL
)
UPDATE checkpoint_writes AS w SET channel = u.channel, type = u.type, blob = u.blob FROM undone AS u
WHERE w.thread_id = %(thread_id)s AND w.checkpoint_ns = u.checkpoint_ns AND w.checkpoint_id = u.checkpoint_id
    AND w.task_id = u.task_id AND w.idx = u.idx AND u.channel IS NOT NULL
"""

_DELETE_UNUSED_BLOBS: LiteralString = """
DELETE FROM checkpoint_blobs AS b
WHERE thread_id = %(thread_id)s AND NOT EXISTS (
    SELECT FROM checkpoints AS c
    WHERE c.thread_id = b.thread_id AND c.checkpoint_ns = b.checkpoint_ns
        AND c.checkpoint -> 'channel_versions' ->> b.channel = b.version
)
"""

_STORAGE: LiteralString = """
SELECT
    (SELECT jsonb_build_object('count', count(*),
            'bytes', coalesce(sum(octet_length(checkpoint::text) + octet_length(metadata::text)), 0))
     FROM checkpoints WHERE thread_id = %(thread_id)s) AS checkpoints,
    (SELECT jsonb_build_object('count', count(*), 'bytes', coalesce(sum(octet_length(blob)), 0))
     FROM checkpoint_writes WHERE thread_id = %(thread_id)s) AS pending_writes,
    (SELECT coalesce(jsonb_object_agg(channel, jsonb_build_object('versions', versions, 'bytes', bytes)), '{}')
     FROM (SELECT channel, count(*) AS versions, coalesce(sum(octet_length(blob)), 0) AS bytes
           FROM checkpoint_blobs WHERE thread_id = %(thread_id)s GROUP BY channel) AS channels) AS by_channel
"""


class Checkpoints:
    """The checkpoints of threads, by thread id."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._pruning = asyncio.Lock()
        # Sharing the serializer is safe and saves building its tables for each run. Pickle for what has no other form, as in the
        # reference: only this server writes these rows.
        self._serde = JsonPlusSerializer(pickle_fallback=True)

    def saver(self) -> Saver:
        """A saver for one request: an instance holds a lock through which its calls go one after the other."""
        return Saver(self.database.pool, serde=self._serde)

    def saver_of_run(self, run: ClaimedRun, before_writing: Callable[[], Awaitable[None]]) -> RunSaver:
        """A saver for one attempt of a run: it writes as long as the run is held."""
        held = (run.run_id, run.worker_id, run.attempt)
        return RunSaver(self.database.pool, serde=self._serde, held=held, before_writing=before_writing)

    async def copy(self, connection: Connection, source: UUID, target: UUID) -> None:
        """Copy everything of `source` to the new thread `target`, in the caller's transaction."""
        for statement in _COPY:
            await connection.execute(statement, {"source": str(source), "target": str(target)})

    async def delete(self, connection: Connection, thread_ids: list[UUID]) -> None:
        """Delete everything of these threads, in the caller's transaction."""
        for statement in _DELETE:
            await connection.execute(statement, [[str(thread_id) for thread_id in thread_ids]])

    async def delete_of_deleted(self, thread_id: UUID) -> None:
        """Delete what a graph went on writing while its thread was being deleted."""

        async def delete() -> None:
            async with self.database.transaction() as connection:
                found = await connection.execute("SELECT 1 FROM threads WHERE thread_id = %s FOR KEY SHARE", [thread_id])
                if await found.fetchone() is None:
                    await self.delete(connection, [thread_id])

        await again(delete)

    async def undo(self, run: ClaimedRun) -> None:
        """Leave a thread's states as if a run had not been.

        Its checkpoints go, in all namespaces, with what only they used, and what it wrote behind earlier ones. Raises
        `RunTakenError` when the run is not held any more.
        """
        parameters = {"thread_id": str(run.thread_id), "run_id": str(run.run_id)}

        async def undo() -> None:
            async with self.database.transaction() as connection:
                if not (await connection.execute(HELD, [run.run_id, run.worker_id, run.attempt])).rowcount:
                    raise RunTakenError(f"attempt {run.attempt} of run {run.run_id} is not held by this worker any more")
                await connection.execute(_DELETE_OF_RUN, parameters)
                await connection.execute(_UNDO_WRITES, parameters)
                await connection.execute(_DELETE_UNUSED_BLOBS, parameters)

        with storage():
            await again(undo)

    async def keep_latest(self, thread_ids: list[UUID]) -> None:
        """Delete all but the newest checkpoint of each namespace.

        Raises `NotImplementedError` for a thread whose graph uses a `DeltaChannel`: its newest checkpoint needs older ones.
        """
        # Each thread is a transaction that loses against any other change of its checkpoints: prunes at least do not meet here.
        async with self._pruning:
            await again(lambda: self.saver().aprune([str(one) for one in thread_ids], strategy="keep_latest"))

    async def exists(self, thread_id: UUID, checkpoint_id: str, namespace: str = "") -> bool:
        row = await self.database.fetch_one(
            "SELECT 1 FROM checkpoints WHERE thread_id = %s AND checkpoint_ns = %s AND checkpoint_id = %s",
            [str(thread_id), namespace, checkpoint_id],
        )
        return row is not None

    async def storage(self, thread_id: UUID) -> dict[str, Any]:
        """Rows and bytes that a thread's checkpoints take, as GET /threads/{id}/storage answers them."""
        row = await self.database.fetch_one(_STORAGE, {"thread_id": str(thread_id)})
        assert row is not None  # an aggregate without GROUP BY
        channels = row["by_channel"]
        values = {
            "count": sum(channel["versions"] for channel in channels.values()),
            "bytes": sum(channel["bytes"] for channel in channels.values()),
            "by_channel": channels,
        }
        total = row["checkpoints"]["bytes"] + values["bytes"] + row["pending_writes"]["bytes"]
        return {
            "thread_id": thread_id, "total_bytes": total, "checkpoints": row["checkpoints"], "channel_values": values,
            "pending_writes": row["pending_writes"],
        }  # fmt: skip
