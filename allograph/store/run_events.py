"""The events of runs that are read in other processes or later. Rows are written in order, by the one worker that has the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from allograph.store.database import Database, Row

END = "__end__"
"""The name of the row behind a run's last event; its data is `{"status", "output"}`."""

# A lost event after a crash of the database itself is not worth waiting for the disk at each batch: the run goes on from its last
# checkpoint then, and streams it again.
_WRITE: LiteralString = """
INSERT INTO run_events (thread_id, run_id, seq, name, data, thread_seq, created_at)
SELECT thread_id, run_id, seq, name, data, thread_seq, to_timestamp(at / 1000.0)
FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[], %s::text[], %s::bytea[], %s::bigint[], %s::bigint[])
    AS event (thread_id, run_id, seq, name, data, thread_seq, at)
ON CONFLICT (run_id, seq) DO NOTHING
"""

_OF_RUN: LiteralString = """
SELECT seq, name, data, thread_seq FROM run_events WHERE run_id = %(run_id)s AND seq > %(after)s ORDER BY seq LIMIT %(limit)s
"""

_OF_THREAD: LiteralString = """
SELECT id, run_id, seq, name, data, thread_seq, round(extract(epoch FROM created_at) * 1000)::bigint AS at
FROM run_events WHERE thread_id = %(thread_id)s AND id > %(after)s ORDER BY id LIMIT %(limit)s
"""

_TAIL: LiteralString = """
SELECT run_id, seq, name, thread_seq FROM run_events WHERE thread_id = %s ORDER BY id DESC LIMIT 1
"""

_LAST_OF_RUN: LiteralString = "SELECT coalesce(max(seq), 0) AS last FROM run_events WHERE run_id = %s"

_LAST_OF_THREAD: LiteralString = "SELECT coalesce(max(id), 0) AS last FROM run_events WHERE thread_id = %s"

_SWEEP: LiteralString = """
DELETE FROM run_events
WHERE created_at < now() - make_interval(secs => %(age)s) AND NOT EXISTS (
    SELECT FROM runs WHERE runs.run_id = run_events.run_id AND status IN ('pending', 'running')
)
"""

PAGE = 1000


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event on its way into the table."""

    thread_id: UUID
    run_id: UUID
    seq: int
    name: str
    data: bytes
    thread_seq: int
    """How many events of the thread-centric protocol the thread has had, this one included."""
    at: int
    """When it happened, in milliseconds since 1970."""


class RunEvents:
    """The statements on stored events."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def write(self, events: Sequence[StoredEvent]) -> None:
        """Append; writing an event again changes nothing."""
        columns = (
            [event.thread_id for event in events], [event.run_id for event in events], [event.seq for event in events],
            [event.name for event in events], [event.data for event in events],
            [event.thread_seq for event in events], [event.at for event in events],
        )  # fmt: skip
        async with self.database.transaction() as connection:
            await connection.execute("SET LOCAL synchronous_commit = off")
            await connection.execute(_WRITE, columns)

    async def of_run(self, run_id: UUID, after: int) -> list[Row]:
        """The next events of a run behind number `after`, at most `PAGE`: `seq, name, data, thread_seq`."""
        return await self.database.fetch_all(_OF_RUN, {"run_id": run_id, "after": after, "limit": PAGE})

    async def of_thread(self, thread_id: UUID, after: int) -> list[Row]:
        """The next events of a thread's runs behind id `after`, at most `PAGE`: `id` and the fields of `StoredEvent`."""
        return await self.database.fetch_all(_OF_THREAD, {"thread_id": thread_id, "after": after, "limit": PAGE})

    async def last_of_run(self, run_id: UUID) -> int:
        """The number of the last stored event; 0 if there is none."""
        row = await self.database.fetch_one(_LAST_OF_RUN, [run_id])
        return int(row["last"]) if row else 0

    async def last_of_thread(self, thread_id: UUID) -> int:
        """The id of the last stored event; 0 if there is none."""
        row = await self.database.fetch_one(_LAST_OF_THREAD, [thread_id])
        return int(row["last"]) if row else 0

    async def tail(self, thread_id: UUID) -> Row | None:
        """The last stored event of a thread: `run_id, seq, name, thread_seq`."""
        return await self.database.fetch_one(_TAIL, [thread_id])

    async def delete_of_threads(self, thread_ids: Sequence[UUID]) -> None:
        """Forget what the runs of deleted threads streamed."""
        await self.database.execute("DELETE FROM run_events WHERE thread_id = ANY(%s)", [list(thread_ids)])

    async def sweep(self, age_seconds: float) -> int:
        """Delete the events of ended runs that are older than this."""
        return await self.database.execute(_SWEEP, {"age": age_seconds})
