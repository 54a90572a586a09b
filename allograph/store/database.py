"""Connections to Postgres: one pool per process, migrations at start-up, and the channel on which processes tell each other
what changed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import secrets
import select
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from importlib import resources
from typing import Any, LiteralString, TypeVar

import orjson
import psycopg
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.store.postgres.aio import AsyncPostgresStore
from psycopg import errors, sql
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb, set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from allograph.encoding import RawJson, without_nul

log = logging.getLogger("allograph.database")

Connection = psycopg.AsyncConnection[DictRow]
Row = dict[str, Any]
Statement = LiteralString | sql.Composed
T = TypeVar("T")

MIGRATION_LOCK = 0x416C6C6F
"""The advisory lock under which one process migrates while the others wait ("Allo")."""

TRIES = 8
"""How often a statement that lost against another one is tried again."""

CHANNEL = "allograph"
"""The one NOTIFY channel; the payload is `<topic>:<id>`, with `:<sender>` behind it where the sender knows already."""

_NOTIFY = "SELECT pg_notify(%s, payload) FROM unnest(%s::text[]) AS payload"

IDLE_SECONDS = 30
"""How long a transaction may wait for its process. One that is paused in the middle holds locks that others need."""

KEEPALIVES = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
"""A database that vanished without a word is noticed, though nobody writes to it."""

START_TRIES = 30
"""How often, once a second, a process that starts asks again for a database that is not there."""

NOTIFY_SECONDS = 0.005
"""Pause between two messages to other processes; what comes meanwhile goes out together."""


class _AsGiven(Loader):
    """Reads a `json` column without parsing it: most are passed on to a client as they are."""

    def load(self, data: Buffer) -> RawJson:
        return RawJson(bytes(data))


Allowed = Sequence[Mapping[str, Any]]
"""What rows somebody may touch: those whose metadata contain one of these, in the sense of jsonb's `@>`."""

EVERYTHING: Allowed = ({},)


def within(allowed: Allowed) -> list[Jsonb]:
    """The parameter of `metadata @> ANY(%(allowed)s::jsonb[])`."""
    return [Jsonb(one) for one in allowed]


def restriction(allowed: Allowed) -> sql.SQL:
    """The same as a part of a statement that is built for one search.

    Where everything is allowed it is left out: the planner would take it for a condition that few rows meet.
    """
    return sql.SQL("" if allowed is EVERYTHING else " AND metadata @> ANY(%(allowed)s::jsonb[])")


def _dumps(value: Any) -> bytes:
    try:
        body = orjson.dumps(value)
    except TypeError:
        # Integers beyond 64 bits are exact in Postgres and in the standard library, and unknown to orjson.
        body = json.dumps(value).encode()
    return without_nul(body)


async def _configure(connection: Connection) -> None:
    set_json_loads(orjson.loads, connection)
    set_json_dumps(_dumps, connection)
    connection.adapters.register_loader("json", _AsGiven)


async def _check(connection: Connection) -> None:
    """Raise if the connection is broken.

    An idle one has nothing to read unless the server closed it: asking that costs no round trip.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        await AsyncConnectionPool.check_connection(connection)


async def again(work: Callable[[], Awaitable[T]]) -> T:
    """Do `work` again when Postgres gave it up in favour of another: one statement or transaction, of which nothing was kept."""
    for tried in range(TRIES):
        try:
            return await work()
        except (errors.DeadlockDetected, errors.SerializationFailure) as error:
            log.debug("once more after: %s", error)
            await asyncio.sleep(random.uniform(0, 0.01 * 2**tried))  # noqa: S311
    return await work()


class Database:
    """A pool of connections, opened with the server and closed with it.

    Rows are dictionaries. `jsonb` columns are parsed; `json` columns come as `RawJson`, ready to be encoded into a reply
    as they are.
    """

    def __init__(self, conninfo: str, pool_size: int, wait_seconds: float = 30) -> None:
        self.conninfo = conninfo
        self.pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            conninfo, min_size=min(4, pool_size), max_size=pool_size, open=False, timeout=wait_seconds, configure=_configure,
            # The pool doubles the pause between its tries for this long, then tries again when somebody asks: no long wait for a
            # database that is back.
            reconnect_timeout=10, check=_check,
            kwargs={
                "autocommit": True, "row_factory": dict_row, "application_name": "allograph",
                "options": f"-c timezone=UTC -c idle_in_transaction_session_timeout={IDLE_SECONDS}s", **KEEPALIVES,
            },
        )  # fmt: skip

    async def open(self) -> None:
        """Bring the schema up to date and connect. Waits for a database that is just being started."""
        for left in range(START_TRIES, -1, -1):
            try:
                await migrate(self.conninfo)
                break
            except psycopg.OperationalError as error:
                if not left:
                    raise
                log.warning("the database does not answer yet: %s", str(error).strip())
                await asyncio.sleep(1)
        await self.pool.open(wait=True)

    async def close(self) -> None:
        await self.pool.close()

    async def fetch_all(self, statement: Statement, parameters: Any = None) -> list[Row]:
        return await again(lambda: self._all(statement, parameters))

    async def fetch_one(self, statement: Statement, parameters: Any = None) -> Row | None:
        return await again(lambda: self._one(statement, parameters))

    async def execute(self, statement: Statement, parameters: Any = None) -> int:
        """The number of rows that the statement touched."""
        return await again(lambda: self._count(statement, parameters))

    async def _all(self, statement: Statement, parameters: Any) -> list[Row]:
        async with self.pool.connection() as connection:
            return await (await connection.execute(statement, parameters)).fetchall()

    async def _one(self, statement: Statement, parameters: Any) -> Row | None:
        async with self.pool.connection() as connection:
            return await (await connection.execute(statement, parameters)).fetchone()

    async def _count(self, statement: Statement, parameters: Any) -> int:
        async with self.pool.connection() as connection:
            return (await connection.execute(statement, parameters)).rowcount

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with self.pool.connection() as connection, connection.transaction():
            yield connection


async def migrate(conninfo: str) -> list[str]:
    """Bring the schema up to date; answer the names of the migrations applied. Safe with several processes at once."""
    applied = []
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True, row_factory=dict_row) as connection:
        # Asking again, not waiting: a waiting statement would hold a snapshot that CREATE INDEX CONCURRENTLY waits for.
        while True:
            row = await (await connection.execute("SELECT pg_try_advisory_lock(%s) AS mine", [MIGRATION_LOCK])).fetchone()
            if row and row["mine"]:
                break
            await asyncio.sleep(0.05)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS allograph_migrations (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        done = {row["name"] for row in await (await connection.execute("SELECT name FROM allograph_migrations")).fetchall()}
        # LangGraph's own tables, under the same lock, since its set-up is not safe against itself; before ours, which change them.
        await AsyncPostgresSaver(connection).setup()
        await AsyncPostgresStore(connection).setup()
        for file in sorted(resources.files("allograph.store").joinpath("migrations").iterdir(), key=lambda f: f.name):
            if not file.name.endswith(".sql") or file.name in done:
                continue
            async with connection.transaction():
                await connection.execute(file.read_bytes())
                await connection.execute("INSERT INTO allograph_migrations (name) VALUES (%s)", [file.name])
            applied.append(file.name)
            log.info("applied migration %s", file.name)
    return applied


class Notifications:
    """What processes say on `CHANNEL`, handed to local callbacks; one connection, reconnected when it breaks.

    A notification is a hint, never the only carrier: whoever waits also polls.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._callbacks: dict[str, Callable[[str], None]] = {}
        self._task: asyncio.Task[None] | None = None
        self._sender = secrets.token_hex(4)
        self._unsent: dict[str, None] = {}
        self._sending: asyncio.Task[None] | None = None

    def on(self, topic: str, callback: Callable[[str], None]) -> None:
        self._callbacks[topic] = callback

    def start(self) -> None:
        self._task = asyncio.create_task(self._listen(), name="notifications")

    async def stop(self) -> None:
        if self._sending:
            await self._sending
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def send(self, topic: str, subject: object = "") -> None:
        """Tell the other processes, soon, what was committed already.

        Not part of the statement that changed something: transactions that notify commit one after the other, each with its
        own flush to the disk.
        """
        self._unsent[f"{topic}:{subject}:{self._sender}"] = None
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send(), name="notify")

    async def _send(self) -> None:
        while self._unsent:
            payloads, self._unsent = list(self._unsent), {}
            try:
                await self.database.execute(_NOTIFY, [CHANNEL, payloads])
            except (psycopg.Error, PoolTimeout) as error:
                log.warning("%d notifications were not sent; others will find out by looking: %s", len(payloads), error)
            await asyncio.sleep(NOTIFY_SECONDS)

    async def _listen(self) -> None:
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self.database.conninfo, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    async for notification in connection.notifies():
                        topic, subject, *sender = notification.payload.split(":")
                        if sender != [self._sender] and (callback := self._callbacks.get(topic)):
                            callback(subject)
            except psycopg.Error as error:
                log.warning("listening for notifications again after: %s", error)
                await asyncio.sleep(0.5)
