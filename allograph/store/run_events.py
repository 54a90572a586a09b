"""The events of runs that are read in other processes or later: written in order, by the one worker that has the run.

`EventLog` is what the rest of this project knows of them. `RunEvents` keeps them in Postgres, `RedisEvents` in Redis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import LiteralString, Protocol
from uuid import UUID

from allograph.store.database import Database, Notifications, Row

END = "__end__"
"""The name of the row behind a run's last event; its data is `{"status", "output"}`."""

NUMBERS_OF_ATTEMPT = 1_000_000_000
"""Each attempt of a run numbers its events from a range of its own: a number that a client has seen never stands for another
event, even when the process died that had shown it and not written it down."""

# A lost event after a crash of the database itself is not worth waiting for the disk at each batch: the run goes on from its last
# checkpoint then, and streams it again. What a worker still says of an attempt when another is under way does not count; that a run
# has ended is said once it has.
_WRITE: LiteralString = f"""
INSERT INTO run_events (thread_id, id, run_id, seq, name, data, thread_seq, created_at)
SELECT event.thread_id, event.id, event.run_id, event.seq, event.name, event.data, event.thread_seq, to_timestamp(event.at / 1000.0)
FROM unnest(%s::uuid[], %s::bigint[], %s::uuid[], %s::bigint[], %s::text[], %s::bytea[], %s::bigint[], %s::bigint[])
        AS event (thread_id, id, run_id, seq, name, data, thread_seq, at),
    (SELECT set_config('synchronous_commit', 'off', true)) AS for_this_statement
WHERE event.name = '{END}' OR NOT (
    EXISTS (SELECT FROM runs WHERE runs.run_id = event.run_id AND runs.attempt > event.seq / {NUMBERS_OF_ATTEMPT} + 1)
    OR EXISTS (
        SELECT FROM run_events AS later
        WHERE later.run_id = event.run_id AND later.seq > (event.seq / {NUMBERS_OF_ATTEMPT} + 1) * {NUMBERS_OF_ATTEMPT}
    )
)
ON CONFLICT DO NOTHING
"""

# A page ends where it is full, in rows or in bytes; lengths are known without reading what is long.
_OF_RUN: LiteralString = """
SELECT seq, name, data, thread_seq FROM (
    SELECT *, sum(octet_length(data)) OVER (ORDER BY seq) - octet_length(data) AS before FROM (
        SELECT * FROM run_events WHERE run_id = %(run_id)s AND seq > %(after)s ORDER BY seq LIMIT %(limit)s
    ) AS next
) AS measured
WHERE before < %(bytes)s ORDER BY seq
"""

_OF_THREAD: LiteralString = """
SELECT id, run_id, seq, name, data, thread_seq, round(extract(epoch FROM created_at) * 1000)::bigint AS at FROM (
    SELECT *, sum(octet_length(data)) OVER (ORDER BY id) - octet_length(data) AS before FROM (
        SELECT * FROM run_events WHERE thread_id = %(thread_id)s AND id > %(after)s ORDER BY id LIMIT %(limit)s
    ) AS next
) AS measured
WHERE before < %(bytes)s ORDER BY id
"""

_TAIL: LiteralString = """
SELECT id, run_id, seq, name, thread_seq FROM run_events WHERE thread_id = %s ORDER BY id DESC LIMIT 1
"""

_LAST_OF_RUN: LiteralString = "SELECT coalesce(max(seq), 0) AS last FROM run_events WHERE run_id = %s"

_LAST_OF_THREAD: LiteralString = "SELECT coalesce(max(id), 0) AS last FROM run_events WHERE thread_id = %s"

# Any number of processes may sweep: each takes events that no other is at.
_SWEEP: LiteralString = """
DELETE FROM run_events WHERE (thread_id, id) IN (
    SELECT thread_id, id FROM run_events
    WHERE created_at < now() - make_interval(secs => %(age)s) AND NOT EXISTS (
        SELECT FROM runs WHERE runs.run_id = run_events.run_id AND status IN ('pending', 'running')
    )
    LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
"""

SWEPT_AT_ONCE = 10_000
"""Events that one transaction deletes."""

PAGE = 1000
PAGE_BYTES = 4 * 1024 * 1024
"""How much a reader is given at a time: so many events, or so much data and one event more."""


def first_number(attempt: int) -> int:
    """The number of the first event of an attempt."""
    return (attempt - 1) * NUMBERS_OF_ATTEMPT + 1


def follows(number: int, before: int) -> bool:
    """Whether nothing is missing between two events of a run: the later one is the next, or begins another attempt."""
    return number <= before + 1 or number % NUMBERS_OF_ATTEMPT == 1


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event on its way into the log."""

    thread_id: UUID
    id: int
    """Microseconds since 1970, and more than that of the event before in its thread."""
    run_id: UUID
    seq: int
    name: str
    data: bytes
    thread_seq: int
    """How many events of the thread-centric protocol the thread has had, this one included."""
    at: int
    """When it happened, in milliseconds since 1970."""


class EventLog(Protocol):
    """Where the events of runs are kept. Rows are dictionaries with the fields of `StoredEvent`.

    A log that cannot be written raises what `Recorder` waits out: `psycopg.OperationalError` or `PoolTimeout`.
    """

    def start(self, on_written: Callable[[UUID], None]) -> None:
        """From now on `on_written` is told each thread of which another process has written events."""

    async def stop(self) -> None: ...

    @property
    def misses(self) -> int:
        """How often a part of the log could not be asked: what was read while this stayed the same is all there was."""

    @property
    def within_the_end(self) -> bool:
        """Whether the statement that ends a run can write its last row, too."""

    def look_everywhere(self) -> None:
        """Read next wherever events may be, also where none were believed to be."""

    async def write(self, events: Sequence[StoredEvent]) -> None:
        """Append, and tell the other processes; writing an event again changes nothing."""

    async def of_run(self, run_id: UUID, after: int) -> list[Row]:
        """The next events of a run behind number `after`, about a page, `[]` behind the last: `seq, name, data, thread_seq`."""

    async def of_thread(self, thread_id: UUID, after: int) -> list[Row]:
        """The same of a thread's runs behind id `after`."""

    async def last_of_run(self, run_id: UUID) -> int:
        """The number of the last stored event; 0 if there is none."""

    async def last_of_thread(self, thread_id: UUID) -> int:
        """The id of the last stored event; 0 if there is none."""

    async def tail(self, thread_id: UUID) -> Row | None:
        """The last stored event of a thread: `id, run_id, seq, name, thread_seq`."""

    async def delete_of_run(self, run_id: UUID) -> None:
        """Forget what a deleted run streamed."""

    async def delete_of_threads(self, thread_ids: Sequence[UUID]) -> None:
        """Forget what the runs of deleted threads streamed."""

    async def sweep(self, age_seconds: float) -> None:
        """Delete the events of ended runs that are older than this."""


class RunEvents:
    """The log in Postgres."""

    misses = 0  # reading raises instead
    within_the_end = True

    def __init__(self, database: Database, notifications: Notifications) -> None:
        self.database = database
        self.notifications = notifications

    def start(self, on_written: Callable[[UUID], None]) -> None:
        self.notifications.on("events", lambda thread_id: on_written(UUID(thread_id)))

    async def stop(self) -> None:
        """The notifications are ended by whoever began them."""

    def look_everywhere(self) -> None:
        """There is one place."""

    async def write(self, events: Sequence[StoredEvent]) -> None:
        # One statement, and no transaction around it: a process that is paused between two would finish it behind others' events.
        columns = (
            [event.thread_id for event in events], [event.id for event in events], [event.run_id for event in events],
            [event.seq for event in events], [event.name for event in events], [event.data for event in events],
            [event.thread_seq for event in events], [event.at for event in events],
        )  # fmt: skip
        await self.database.execute(_WRITE, columns)
        for thread_id in {event.thread_id for event in events}:
            self.notifications.send("events", thread_id)

    async def of_run(self, run_id: UUID, after: int) -> list[Row]:
        parameters = {"run_id": run_id, "after": after, "limit": PAGE, "bytes": PAGE_BYTES}
        return await self.database.fetch_all(_OF_RUN, parameters)

    async def of_thread(self, thread_id: UUID, after: int) -> list[Row]:
        parameters = {"thread_id": thread_id, "after": after, "limit": PAGE, "bytes": PAGE_BYTES}
        return await self.database.fetch_all(_OF_THREAD, parameters)

    async def last_of_run(self, run_id: UUID) -> int:
        row = await self.database.fetch_one(_LAST_OF_RUN, [run_id])
        return int(row["last"]) if row else 0

    async def last_of_thread(self, thread_id: UUID) -> int:
        row = await self.database.fetch_one(_LAST_OF_THREAD, [thread_id])
        return int(row["last"]) if row else 0

    async def tail(self, thread_id: UUID) -> Row | None:
        return await self.database.fetch_one(_TAIL, [thread_id])

    async def delete_of_run(self, run_id: UUID) -> None:
        await self.database.execute("DELETE FROM run_events WHERE run_id = %s", [run_id])

    async def delete_of_threads(self, thread_ids: Sequence[UUID]) -> None:
        await self.database.execute("DELETE FROM run_events WHERE thread_id = ANY(%s)", [list(thread_ids)])

    async def has_any(self) -> bool:
        """Whether there is more than the ends of runs, which are written here with the runs' own in any case."""
        row = await self.database.fetch_one("SELECT EXISTS (SELECT FROM run_events WHERE name <> %s) AS any", [END])
        return bool(row and row["any"])

    async def sweep(self, age_seconds: float) -> None:
        while await self.database.execute(_SWEEP, {"age": age_seconds, "limit": SWEPT_AT_ONCE}) == SWEPT_AT_ONCE:
            pass
