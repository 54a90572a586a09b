"""Crons: schedules of runs, and the transaction in which a tick becomes a run.

The clock of every process is Postgres's. A tick fires where `fire` moves `next_run_date` on: once, however many processes try,
since the statement finds the tick that it was meant for or nothing. The run is accepted in the same transaction.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString, TypeVar
from uuid import UUID

from psycopg import errors, sql
from psycopg.types.json import Jsonb

from allograph.encoding import dumps
from allograph.store.database import EVERYTHING, Allowed, Connection, Database, Row, again, within

T = TypeVar("T")

COLUMNS = (
    "cron_id", "assistant_id", "thread_id", "user_id", "end_time", "schedule", "timezone", "payload", "next_run_date", "metadata",
    "on_run_completed", "enabled", "created_at", "updated_at",
)  # fmt: skip
"""What the API shows of a cron, in the reference's order."""

_SHOWN: LiteralString = (
    "cron_id, assistant_id, thread_id, user_id, end_time, schedule, timezone, payload, next_run_date, metadata,"
    " on_run_completed, enabled, created_at, updated_at, last_run_date"
)

_CREATE: LiteralString = f"""
INSERT INTO crons (
    cron_id, assistant_id, thread_id, on_run_completed, end_time, schedule, timezone, payload, metadata, enabled, next_run_date,
    user_id, auth_user
)
VALUES (
    %(cron_id)s, %(assistant_id)s, %(thread_id)s, %(on_run_completed)s, %(end_time)s, %(schedule)s, %(timezone)s, %(payload)s,
    %(metadata)s, %(enabled)s, %(next_run_date)s, %(user_id)s, %(auth_user)s
)
RETURNING {_SHOWN}
"""

_GET: LiteralString = f"SELECT {_SHOWN} FROM crons WHERE cron_id = %(cron_id)s AND metadata @> ANY(%(allowed)s::jsonb[])"

_LOCK: LiteralString = f"""
SELECT {_SHOWN}, now() AS now FROM crons WHERE cron_id = %(cron_id)s AND metadata @> ANY(%(allowed)s::jsonb[]) FOR UPDATE
"""

# `clock_timestamp`, since a change that waited for another one must not carry an earlier time than it.
_UPDATE: LiteralString = f"""
UPDATE crons
SET on_run_completed = %(on_run_completed)s, end_time = %(end_time)s, schedule = %(schedule)s, timezone = %(timezone)s,
    payload = %(payload)s, metadata = %(metadata)s, enabled = %(enabled)s, next_run_date = %(next_run_date)s,
    updated_at = clock_timestamp()
WHERE cron_id = %(cron_id)s
RETURNING {_SHOWN}
"""

_DELETE: LiteralString = "DELETE FROM crons WHERE cron_id = %(cron_id)s AND metadata @> ANY(%(allowed)s::jsonb[])"

_STOP: LiteralString = """
UPDATE crons SET enabled = false, metadata = metadata || %(stopped)s, updated_at = clock_timestamp() WHERE cron_id = %(cron_id)s
"""

_MATCHING: LiteralString = """
FROM crons
WHERE metadata @> %(metadata)s AND metadata @> ANY(%(allowed)s::jsonb[])
    AND (%(assistant_id)s::uuid IS NULL OR assistant_id = %(assistant_id)s)
    AND (%(thread_id)s::uuid IS NULL OR thread_id = %(thread_id)s)
    AND (%(enabled)s::bool IS NULL OR enabled = %(enabled)s)
"""

_SEARCH: LiteralString = f"SELECT {_SHOWN} {_MATCHING} ORDER BY {{order}} LIMIT %(limit)s OFFSET %(offset)s"

_COUNT: LiteralString = f"SELECT count(*) AS count {_MATCHING}"

_CLOCK: LiteralString = "SELECT now() AS now, min(next_run_date) AS due FROM crons WHERE enabled"

_DUE: LiteralString = f"""
SELECT {_SHOWN}, auth_user FROM crons WHERE enabled AND next_run_date <= %(now)s ORDER BY next_run_date, cron_id LIMIT %(limit)s
"""

# The thread before its cron, as deleting a thread takes them.
_LOCK_THREAD: LiteralString = "SELECT FROM threads WHERE thread_id = %s FOR UPDATE"

# Of the cron as it was read: the same tick is still to come, and nobody changed what it runs.
_FIRE: LiteralString = """
UPDATE crons SET next_run_date = %(next_run_date)s, last_run_date = greatest(last_run_date, %(now)s)
WHERE cron_id = %(cron_id)s AND enabled AND next_run_date = %(tick)s AND updated_at = %(updated_at)s
"""


@dataclass(frozen=True, slots=True)
class CronFilter:
    """What a search or a count looks for; `metadata` as containment."""

    metadata: Mapping[str, Any]
    assistant_id: UUID | None = None
    thread_id: UUID | None = None
    enabled: bool | None = None
    allowed: Allowed = EVERYTHING

    @property
    def parameters(self) -> dict[str, Any]:
        return {
            "metadata": Jsonb(self.metadata), "assistant_id": self.assistant_id, "thread_id": self.thread_id,
            "enabled": self.enabled, "allowed": within(self.allowed),
        }  # fmt: skip


class Crons:
    """The statements on crons. Rows have the keys of `COLUMNS`, and `last_run_date`."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def clock(self) -> tuple[datetime, datetime | None]:
        """What time it is for all processes, and when the next tick is."""
        row = await self.database.fetch_one(_CLOCK)
        assert row is not None
        return row["now"], row["due"]

    async def create(self, fields: Mapping[str, Any]) -> Row | None:
        """A new cron of what `_CREATE` names; None if its assistant or its thread does not exist."""
        try:
            return await self.database.fetch_one(_CREATE, _parameters(fields))
        except errors.ForeignKeyViolation:
            return None

    async def get(self, cron_id: UUID, allowed: Allowed = EVERYTHING) -> Row | None:
        return await self.database.fetch_one(_GET, {"cron_id": cron_id, "allowed": within(allowed)})

    async def update(
        self, cron_id: UUID, change: Callable[[Row, datetime], Mapping[str, Any]], allowed: Allowed = EVERYTHING
    ) -> Row | None:
        """Change a cron to what `change` makes of it and of the time; None if there is none. Nothing fires in between."""

        async def update() -> Row | None:
            async with self.database.transaction() as connection:
                row = await (await connection.execute(_LOCK, {"cron_id": cron_id, "allowed": within(allowed)})).fetchone()
                if row is None:
                    return None
                changed = {**row, "payload": row["payload"].parsed(), **change(row, row["now"])}
                return await (await connection.execute(_UPDATE, _parameters(changed))).fetchone()

        return await again(update)

    async def stop(self, cron_id: UUID, reason: str) -> None:
        """No further ticks; the metadata say why as `stopped`."""
        await self.database.execute(_STOP, {"cron_id": cron_id, "stopped": Jsonb({"stopped": reason})})

    async def delete(self, cron_id: UUID, allowed: Allowed = EVERYTHING) -> bool:
        return await self.database.execute(_DELETE, {"cron_id": cron_id, "allowed": within(allowed)}) > 0

    async def search(self, where: CronFilter, *, sort_by: str, descending: bool, limit: int, offset: int) -> list[Row]:
        order = sql.SQL("{column} {direction} NULLS LAST, cron_id").format(
            column=sql.Identifier(sort_by), direction=sql.SQL("DESC" if descending else "ASC")
        )
        statement = sql.SQL(_SEARCH).format(order=order)
        return await self.database.fetch_all(statement, {**where.parameters, "limit": limit, "offset": offset})

    async def count(self, where: CronFilter) -> int:
        row = await self.database.fetch_one(_COUNT, where.parameters)
        return int(row["count"]) if row else 0

    async def due(self, now: datetime, limit: int = 100) -> list[Row]:
        """Crons with a tick at or before `now`, the oldest first."""
        return await self.database.fetch_all(_DUE, {"now": now, "limit": limit})

    async def fire(
        self, cron: Row, now: datetime, next_run_date: datetime | None, accept: Callable[[Connection], Awaitable[T]]
    ) -> T | None:
        """Take the tick that `cron` was read with, and do what `accept` does in the same transaction.

        None, and nothing is done, when somebody else took the tick or changed the cron meanwhile.
        """

        async def fire() -> T | None:
            async with self.database.transaction() as connection:
                if cron["thread_id"]:
                    await connection.execute(_LOCK_THREAD, [cron["thread_id"]])
                taken = await connection.execute(_FIRE, {
                    "cron_id": cron["cron_id"], "tick": cron["next_run_date"], "updated_at": cron["updated_at"], "now": now,
                    "next_run_date": next_run_date,
                })  # fmt: skip
                return await accept(connection) if taken.rowcount else None

        return await again(fire)


def _parameters(fields: Mapping[str, Any]) -> dict[str, Any]:
    user = fields.get("auth_user")
    return {
        **fields, "payload": dumps(fields["payload"]).decode(), "metadata": Jsonb(fields["metadata"]),
        "auth_user": dumps(user).decode() if user else None,
    }  # fmt: skip
