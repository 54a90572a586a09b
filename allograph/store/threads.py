"""Threads: what the API shows of them. Their states are in `allograph.store.checkpoints`."""

from __future__ import annotations

import builtins
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

from psycopg import sql
from psycopg.types.json import Jsonb

from allograph.encoding import dumps
from allograph.store.checkpoints import Checkpoints
from allograph.store.database import EVERYTHING, Allowed, Connection, Database, Row, again, restriction, within
from allograph.store.runs import RestingStatus
from allograph.store.ttl import Ttl, ttl_parameters

COLUMNS = (
    "thread_id", "created_at", "updated_at", "state_updated_at", "metadata", "status", "config", "values", "error", "interrupts",
)  # fmt: skip
"""What the API shows of a thread, in the reference's order."""

SORTABLE = ("thread_id", "status", "created_at", "updated_at", "state_updated_at")

_SHOWN: LiteralString = 'thread_id, created_at, updated_at, state_updated_at, metadata, status, config, "values", error, interrupts'
_WITH_TTL: LiteralString = _SHOWN + ", ttl_strategy, ttl_minutes, expires_at"

_CREATE: LiteralString = f"""
INSERT INTO threads (thread_id, metadata, config, ttl_strategy, ttl_minutes, expires_at)
VALUES (
    %(thread_id)s, %(metadata)s, %(config)s, %(ttl_strategy)s, %(ttl_minutes)s::float8,
    now() + make_interval(secs => 60 * %(ttl_minutes)s::float8)
)
ON CONFLICT (thread_id) DO NOTHING RETURNING {_WITH_TTL}
"""

_GET: LiteralString = f"SELECT {_WITH_TTL} FROM threads WHERE thread_id = %(thread_id)s AND metadata @> ANY(%(allowed)s::jsonb[])"

_VISIBLE: LiteralString = "SELECT FROM threads WHERE thread_id = %(thread_id)s AND metadata @> ANY(%(allowed)s::jsonb[])"

_KEPT_FROM: LiteralString = "SELECT FROM threads WHERE thread_id = %(thread_id)s AND NOT metadata @> ANY(%(allowed)s::jsonb[])"

_PATCH: LiteralString = f"""
UPDATE threads
SET metadata = metadata || %(metadata)s, updated_at = now(),
    ttl_strategy = CASE WHEN %(set_ttl)s::bool THEN %(ttl_strategy)s::text ELSE ttl_strategy END,
    ttl_minutes = CASE WHEN %(set_ttl)s::bool THEN %(ttl_minutes)s::float8 ELSE ttl_minutes END,
    expires_at = CASE WHEN %(set_ttl)s::bool THEN now() + make_interval(secs => 60 * %(ttl_minutes)s::float8) ELSE expires_at END
WHERE thread_id = %(thread_id)s AND metadata @> ANY(%(allowed)s::jsonb[]) RETURNING {_WITH_TTL}
"""

# What a change of state from outside a run leaves for the thread to show.
_SET_STATE: LiteralString = """
UPDATE threads
SET "values" = %(values)s, interrupts = %(interrupts)s, resting_status = %(resting_status)s, error = NULL,
    updated_at = now(), state_updated_at = now(), expires_at = now() + make_interval(secs => 60 * ttl_minutes)
WHERE thread_id = %(thread_id)s
"""

_LOCK: LiteralString = "SELECT active_runs FROM threads WHERE thread_id = %s FOR UPDATE"

_DELETE: LiteralString = (
    "DELETE FROM threads WHERE thread_id = ANY(%(thread_ids)s) AND metadata @> ANY(%(allowed)s::jsonb[]) RETURNING thread_id"
)

# Any number of processes may sweep: each takes threads that no other is at.
_EXPIRED: LiteralString = """
SELECT thread_id FROM threads
WHERE expires_at < now() AND ttl_strategy = %(strategy)s AND active_runs = 0
ORDER BY expires_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
"""

_RENEW: LiteralString = """
UPDATE threads SET expires_at = now() + make_interval(secs => 60 * ttl_minutes) WHERE thread_id = ANY(%s)
"""

_FOLLOW: LiteralString = """
UPDATE threads SET followed_until = now() + make_interval(secs => %(seconds)s) WHERE thread_id = %(thread_id)s
"""

_SET_EVENT_SEQ: LiteralString = """
UPDATE threads SET event_seq = %(seq)s WHERE thread_id = %(thread_id)s AND event_seq < %(seq)s
"""

_EXISTING: LiteralString = (
    "SELECT thread_id FROM threads WHERE thread_id = ANY(%(thread_ids)s) AND metadata @> ANY(%(allowed)s::jsonb[])"
)

_OF_ASSISTANT: LiteralString = (
    "SELECT thread_id FROM threads WHERE metadata @> %(metadata)s AND metadata @> ANY(%(allowed)s::jsonb[])"
)

_COPY: LiteralString = f"""
INSERT INTO threads (
    thread_id, metadata, config, resting_status, "values", interrupts, error, ttl_strategy, ttl_minutes, expires_at
)
SELECT
    %(target)s, metadata || %(metadata)s, config, resting_status, "values", interrupts, error, %(ttl_strategy)s,
    %(ttl_minutes)s::float8,
    now() + make_interval(secs => 60 * %(ttl_minutes)s::float8)
FROM threads WHERE thread_id = %(source)s AND metadata @> ANY(%(allowed)s::jsonb[])
RETURNING {_SHOWN}
"""

_MATCHING: LiteralString = """
FROM threads
WHERE metadata @> %(metadata)s{may}
    AND (%(ids)s::uuid[] IS NULL OR thread_id = ANY(%(ids)s))
    AND (%(status)s::text IS NULL OR status = %(status)s)
    AND (%(values)s::jsonb IS NULL OR "values"::jsonb @> %(values)s)
"""

_SEARCH: LiteralString = f"SELECT {_WITH_TTL} {_MATCHING} ORDER BY {{order}} LIMIT %(limit)s OFFSET %(offset)s"

_COUNT: LiteralString = f"SELECT count(*) AS count {_MATCHING}"


@dataclass(frozen=True, slots=True)
class ThreadFilter:
    """What a search or a count looks for; `metadata` and `values` as containment, and `allowed` too, which is not the client's."""

    metadata: Mapping[str, Any]
    ids: Sequence[UUID] | None = None
    status: str | None = None
    values: Mapping[str, Any] | None = None
    allowed: Allowed = EVERYTHING

    @property
    def parameters(self) -> dict[str, Any]:
        return {
            "metadata": Jsonb(self.metadata), "ids": list(self.ids) if self.ids else None, "status": self.status,
            "values": Jsonb(self.values) if self.values else None, "allowed": within(self.allowed),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class LockedThread:
    """A thread whose row is locked by an open transaction."""

    connection: Connection
    thread_id: UUID
    active_runs: int

    async def set_state(self, values: Any, interrupts: Any, resting_status: RestingStatus) -> None:
        """Show the state that an update from outside a run has made."""
        await self.connection.execute(_SET_STATE, {
            "thread_id": self.thread_id, "values": dumps(values).decode(), "interrupts": dumps(interrupts).decode(),
            "resting_status": resting_status,
        })  # fmt: skip


class Threads:
    """The statements on threads. Rows have the keys of `COLUMNS`, and `ttl_strategy, ttl_minutes, expires_at`.

    `allowed` is what the metadata of a thread must contain: any other is as if it were not there.
    """

    def __init__(self, database: Database, checkpoints: Checkpoints, default_ttl: Ttl | None = None) -> None:
        self.database = database
        self.checkpoints = checkpoints
        self.default_ttl = default_ttl

    async def create(self, thread_id: UUID, metadata: Mapping[str, Any], ttl: Ttl | None = None) -> Row | None:
        """A new, idle thread, which lives as long as `ttl` or the default says; None if the id is taken."""
        return await self.database.fetch_one(_CREATE, {
            "thread_id": thread_id, "metadata": Jsonb(metadata), "config": "{}", **ttl_parameters(ttl or self.default_ttl),
        })  # fmt: skip

    async def get(self, thread_id: UUID, allowed: Allowed = EVERYTHING) -> Row | None:
        return await self.database.fetch_one(_GET, {"thread_id": thread_id, "allowed": within(allowed)})

    async def visible(self, thread_id: UUID, allowed: Allowed) -> bool:
        """Whether there is such a thread."""
        return await self.database.fetch_one(_VISIBLE, {"thread_id": thread_id, "allowed": within(allowed)}) is not None

    async def kept_from(self, thread_id: UUID, allowed: Allowed) -> bool:
        """Whether there is a thread with this id that is not allowed."""
        return await self.database.fetch_one(_KEPT_FROM, {"thread_id": thread_id, "allowed": within(allowed)}) is not None

    async def patch(
        self, thread_id: UUID, metadata: Mapping[str, Any], ttl: Ttl | None = None, allowed: Allowed = EVERYTHING
    ) -> Row | None:
        """Merge `metadata` (one level deep) and set the time to live; None if there is no such thread."""
        parameters = {
            "thread_id": thread_id, "metadata": Jsonb(metadata), "set_ttl": ttl is not None, "allowed": within(allowed),
            **ttl_parameters(ttl),
        }  # fmt: skip
        return await self.database.fetch_one(_PATCH, parameters)

    @contextlib.asynccontextmanager
    async def locked(self, thread_id: UUID) -> AsyncIterator[LockedThread | None]:
        """Hold a thread so that no run of it can be accepted, started or ended; None if there is no such thread."""
        async with self.database.transaction() as connection:
            row = await (await connection.execute(_LOCK, [thread_id])).fetchone()
            yield LockedThread(connection, thread_id, row["active_runs"]) if row else None

    async def delete(self, thread_ids: Sequence[UUID], allowed: Allowed = EVERYTHING) -> builtins.list[UUID]:
        """Delete threads with their runs and states; answer those that were there."""
        return await again(lambda: self._delete(thread_ids, allowed))

    async def _delete(self, thread_ids: Sequence[UUID], allowed: Allowed) -> builtins.list[UUID]:
        parameters = {"thread_ids": sorted(thread_ids), "allowed": within(allowed)}
        async with self.database.transaction() as connection:
            rows = await (await connection.execute(_DELETE, parameters)).fetchall()
            gone = [row["thread_id"] for row in rows]
            if gone:
                await self.checkpoints.delete(connection, gone)
        return gone

    async def mark_followed(self, thread_id: UUID, seconds: float) -> None:
        """Have the events of this thread's runs written down for as long."""
        await self.database.execute(_FOLLOW, {"thread_id": thread_id, "seconds": seconds})

    async def event_seq(self, thread_id: UUID) -> int:
        """How many events the thread had when its last recorded run ended; 0 if there is no such thread."""
        row = await self.database.fetch_one("SELECT event_seq FROM threads WHERE thread_id = %s", [thread_id])
        return int(row["event_seq"]) if row else 0

    async def set_event_seq(self, thread_id: UUID, seq: int) -> None:
        """Keep the number of the thread's last event; it never goes back."""
        await self.database.execute(_SET_EVENT_SEQ, {"thread_id": thread_id, "seq": seq})

    async def sweep(self, limit: int = 100) -> int:
        """Delete threads whose time to live is over, or all but the newest of their checkpoints; answer how many there were."""
        async with self.database.transaction() as connection:
            rows = await (await connection.execute(_EXPIRED, {"strategy": "delete", "limit": limit})).fetchall()
            if expired := [row["thread_id"] for row in rows]:
                await connection.execute(_DELETE, {"thread_ids": expired, "allowed": within(EVERYTHING)})
                await self.checkpoints.delete(connection, expired)
        async with self.database.transaction() as connection:
            rows = await (await connection.execute(_EXPIRED, {"strategy": "keep_latest", "limit": limit})).fetchall()
            kept = [row["thread_id"] for row in rows]
            for thread_id in kept:
                # A graph whose newest checkpoint needs its older ones keeps them all.
                with contextlib.suppress(NotImplementedError):
                    await self.checkpoints.keep_latest([thread_id])
            await connection.execute(_RENEW, [kept])
        return len(expired) + len(kept)

    async def existing(self, thread_ids: Sequence[UUID], allowed: Allowed = EVERYTHING) -> builtins.list[UUID]:
        """Those of these threads that exist."""
        parameters = {"thread_ids": builtins.list(thread_ids), "allowed": within(allowed)}
        rows = await self.database.fetch_all(_EXISTING, parameters)
        return [row["thread_id"] for row in rows]

    async def delete_of_assistant(self, assistant_id: UUID, allowed: Allowed = EVERYTHING) -> builtins.list[UUID]:
        """Delete the threads whose last run was one of this assistant."""
        parameters = {"metadata": Jsonb({"assistant_id": str(assistant_id)}), "allowed": within(allowed)}
        rows = await self.database.fetch_all(_OF_ASSISTANT, parameters)
        return await self.delete([row["thread_id"] for row in rows], allowed) if rows else []

    async def copy(
        self, source: UUID, target: UUID, metadata: Mapping[str, Any] | None = None, allowed: Allowed = EVERYTHING
    ) -> Row | None:
        """A new thread with the same state and history, without the runs; None if there is no such thread.

        `metadata` is merged into that of the source.
        """
        async with self.database.transaction() as connection:
            parameters = {
                "source": source, "target": target, "metadata": Jsonb(metadata or {}), "allowed": within(allowed),
                **ttl_parameters(self.default_ttl),
            }  # fmt: skip
            row = await (await connection.execute(_COPY, parameters)).fetchone()
            if row is not None:
                await self.checkpoints.copy(connection, source, target)
        return row

    async def search(self, where: ThreadFilter, *, sort_by: str, descending: bool, limit: int, offset: int) -> builtins.list[Row]:
        order = sql.SQL("{column} {direction}, thread_id").format(
            column=sql.Identifier(sort_by), direction=sql.SQL("DESC" if descending else "ASC")
        )
        statement = sql.SQL(_SEARCH).format(order=order, may=restriction(where.allowed))
        return await self.database.fetch_all(statement, {**where.parameters, "limit": limit, "offset": offset})

    async def count(self, where: ThreadFilter) -> int:
        row = await self.database.fetch_one(sql.SQL(_COUNT).format(may=restriction(where.allowed)), where.parameters)
        return int(row["count"]) if row else 0
