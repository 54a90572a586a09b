"""LangGraph's Postgres saver with cheaper writes: the same tables, the same rows, a third of the CPU time.

The original encodes every write in a thread and sends it through a pipeline. For what most checkpoints hold, changing threads
twice and setting up a pipeline cost more than the write itself. Here a write is one prepared statement, and a thread is used
only for values large enough to hold up the event loop. docs/performance.md has the figures.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, LiteralString, cast
from uuid import UUID

from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_serializable_checkpoint_metadata,
)
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.types import _DeltaSnapshot
from psycopg import AsyncConnection, AsyncCursor, OperationalError
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool, PoolTimeout

LIGHT = 400
"""Values that weigh more (about one for each item, and for each 100 characters of text) are encoded in a thread."""

MOST_ROWS = 5
"""Rows of one statement; more go to the original. psycopg parses statements of more than 50 parameters anew each time."""


class StorageError(Exception):
    """The database was away when a checkpoint was read or written: no fault of the graph, which can go on from the last one."""


class RunTakenError(StorageError):
    """Another worker has the run, or it is over: what this one still computes does not count."""


@contextlib.contextmanager
def storage() -> Iterator[None]:
    """Tells a database that is away from what a graph raises itself; graphs may use databases of their own."""
    try:
        yield
    except (OperationalError, PoolTimeout) as error:
        raise StorageError(f"{type(error).__name__}: {str(error).strip()}") from error


class Saver(AsyncPostgresSaver):
    """Make a new one for each use: an instance does one thing at a time."""

    # The original casts the names of channels to bytea, which reads a backslash as an escape: what was written under such a name
    # could never be read again, nor could anything else of its checkpoint. A client names channels by the keys of `command.update`.
    SELECT_SQL = re.sub(r"(\w+\.channel)::bytea", r"convert_to(\1, 'UTF8')", AsyncPostgresSaver.SELECT_SQL)

    async def aput(
        self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata, new_versions: ChannelVersions
    ) -> RunnableConfig:
        # As in the original: plain values stand in the checkpoint, the others in rows of their own, one for each version.
        inline: dict[str, Any] = {}
        apart: list[tuple[str, Any]] = []
        for channel, value in checkpoint["channel_values"].items():
            delta = isinstance(value, _DeltaSnapshot)
            if not delta and (value is None or isinstance(value, str | int | float | bool)):
                inline[channel] = value
                continue
            if delta:
                inline[channel] = True
            if channel in new_versions:
                apart.append((channel, value))
        if len(apart) > MOST_ROWS:
            return await super().aput(config, checkpoint, metadata, new_versions)
        configurable = config["configurable"]
        thread_id, namespace = configurable["thread_id"], configurable["checkpoint_ns"]
        parameters: list[Any] = []
        bodies = await self._encoded([value for _, value in apart])
        for (channel, _), (type_, body) in zip(apart, bodies, strict=True):
            parameters += (thread_id, namespace, channel, new_versions[channel], type_, body)
        parameters += (
            thread_id, namespace, checkpoint["id"], configurable.get("checkpoint_id"),
            Jsonb({**checkpoint, "channel_values": inline}), Jsonb(get_serializable_checkpoint_metadata(config, metadata)),
        )  # fmt: skip
        await self._write(len(apart), _put, parameters)
        return {"configurable": {"thread_id": thread_id, "checkpoint_ns": namespace, "checkpoint_id": checkpoint["id"]}}

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        # Special writes have a fixed place, in which a later one replaces an earlier.
        special = all(channel in WRITES_IDX_MAP for channel, _ in writes)
        rows = {WRITES_IDX_MAP.get(channel, index): (channel, value) for index, (channel, value) in enumerate(writes)}
        if not rows:
            return
        if len(rows) > MOST_ROWS or (len(rows) < len(writes) and not special):
            await super().aput_writes(config, writes, task_id, task_path)
            return
        configurable = config["configurable"]
        of = (configurable["thread_id"], configurable["checkpoint_ns"], configurable["checkpoint_id"], task_id, task_path)
        parameters: list[Any] = []
        bodies = await self._encoded([value for _, value in rows.values()])
        for (index, (channel, _)), (type_, body) in zip(rows.items(), bodies, strict=True):
            parameters += (*of, index, channel, type_, body)
        await self._write(len(rows), _put_special_writes if special else _put_writes, parameters)

    async def _write(self, rows: int, statement: Callable[[int, bool], LiteralString], parameters: Sequence[Any]) -> None:
        await self._execute(statement(rows, False), parameters)

    async def _execute(self, statement: LiteralString, parameters: Sequence[Any]) -> int:
        """The number of rows that the statement answered or wrote."""
        async with self.lock:
            self._check_open()
            if isinstance(self.conn, AsyncConnection):
                return (await self.conn.execute(statement, parameters)).rowcount
            async with self.conn.connection() as connection:
                return (await connection.execute(statement, parameters)).rowcount

    def _check_open(self) -> None:
        """Raise if this saver must not write any more."""

    async def _encoded(self, values: Sequence[Any]) -> list[tuple[str, bytes]]:
        if not values:
            return []
        if light(values):
            return [self.serde.dumps_typed(value) for value in values]
        return await asyncio.to_thread(lambda: [self.serde.dumps_typed(value) for value in values])

    async def _load_checkpoint_tuple(self, value: DictRow) -> CheckpointTuple:
        if value["pending_writes"]:
            return await super()._load_checkpoint_tuple(value)
        of = {"thread_id": value["thread_id"], "checkpoint_ns": value["checkpoint_ns"]}
        parent = value["parent_checkpoint_id"]
        checkpoint = value["checkpoint"]
        channels = {**(checkpoint.get("channel_values") or {}), **self._load_blobs(value["channel_values"])}
        return CheckpointTuple(
            {"configurable": {**of, "checkpoint_id": value["checkpoint_id"]}},
            cast(Checkpoint, {**checkpoint, "channel_values": channels}),
            value["metadata"],
            {"configurable": {**of, "checkpoint_id": parent}} if parent else None,
            [],
        )


class RunSaver(Saver):
    """The saver of one attempt of a run, which writes only as long as its worker holds the run.

    A worker that was paused, or cut off from the database, wakes up in the middle of a graph that another one has taken over
    meanwhile; the checkpoint it would write next could be newer than those of the other, and of the runs after it.

    Raises `StorageError` when the database is away, or gave a statement up in favour of another; `RunTakenError` when the run is
    not held any more.
    """

    def __init__(
        self, pool: AsyncConnectionPool[AsyncConnection[DictRow]], *, serde: SerializerProtocol, held: tuple[UUID, UUID, int],
        before_writing: Callable[[], Awaitable[None]],
    ) -> None:  # fmt: skip
        """`held` is run, worker and attempt; `before_writing` is awaited before each checkpoint or result of a task is written."""
        super().__init__(pool, serde=serde)
        self.pool = pool
        self.held = held
        self.before_writing = before_writing
        self._others: set[tuple[str, str]] = set()
        self._closed = False

    async def close(self) -> None:
        """Write no more; return when what was being written is.

        A graph that is cancelled while it waits for its last writes leaves them to themselves.
        """
        self._closed = True
        async with self.lock:
            pass

    def _check_open(self) -> None:
        if self._closed:
            raise RunTakenError(f"attempt {self.held[2]} of run {self.held[0]} has ended here")

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        found = await super().aget_tuple(config)
        if found and found.metadata.get("run_id") != str(self.held[0]):
            configurable = found.config["configurable"]
            self._others.add((configurable["checkpoint_ns"], configurable["checkpoint_id"]))
        return found

    async def aput(
        self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata, new_versions: ChannelVersions
    ) -> RunnableConfig:
        await self.before_writing()
        return await super().aput(config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        if any(isinstance(value, asyncio.CancelledError) for _, value in writes):
            # The run was handed back or cancelled in the middle of this task, perhaps between its result and where that leads to:
            # not an error of the task, which is executed again, and not a result.
            return
        await self.before_writing()
        configurable = config["configurable"]
        place = (configurable["checkpoint_ns"], configurable["checkpoint_id"])
        if place in self._others:
            indices = list({WRITES_IDX_MAP.get(channel, index) for index, (channel, _) in enumerate(writes)})
            with storage():
                await self._execute(_REMEMBER, [*self.held, *place, task_id, indices, configurable["thread_id"], *place, task_id])
        await super().aput_writes(config, writes, task_id, task_path)

    async def _write(self, rows: int, statement: Callable[[int, bool], LiteralString], parameters: Sequence[Any]) -> None:
        with storage():
            if not await self._execute(statement(rows, True), [*self.held, *parameters]):
                raise self._taken()

    @contextlib.asynccontextmanager
    async def _cursor(self, *, pipeline: bool = False) -> AsyncIterator[AsyncCursor[DictRow]]:
        with storage():
            if not pipeline:
                async with super()._cursor() as cursor:
                    yield cursor
                return
            # The original writes what it asks a pipeline for.
            async with (
                self.lock, self.pool.connection() as connection, connection.transaction(), connection.cursor() as cursor
            ):  # fmt: skip
                self._check_open()
                await cursor.execute(HELD, self.held)
                if not cursor.rowcount:
                    raise self._taken()
                yield cursor

    def _taken(self) -> RunTakenError:
        return RunTakenError(f"attempt {self.held[2]} of run {self.held[0]} is not held by this worker any more")


def light(values: Sequence[Any]) -> bool:
    """Whether values are encoded faster than a thread is changed. Looks at no more of them than it takes to know."""
    weight = 0
    stack: list[Any] = list(values)
    while stack:
        value = stack.pop()
        weight += 1
        if isinstance(value, BaseMessage):
            weight += 10
            stack.append(value.content)
            if value.additional_kwargs:
                stack.append(value.additional_kwargs)
        elif isinstance(value, str | bytes):
            weight += len(value) // 100
        elif isinstance(value, dict):
            weight += len(value)
            if weight <= LIGHT:
                stack += value.values()
        elif isinstance(value, list | tuple | set | frozenset):
            weight += len(value)
            if weight <= LIGHT:
                stack += value
        elif not (value is None or isinstance(value, int | float | bool)):
            weight += 20  # a model, a dataclass, something of the user's
            if not hasattr(value, "__dict__"):
                weight += LIGHT  # an array, or whatever may be large without showing it
            else:
                stack += vars(value).values()
        if weight > LIGHT:
            return False
    return True


# Locked against being taken away until the write is committed: who takes a run over locks its row for update. Changes of the row
# that leave it where it is do not wait for this.
HELD: LiteralString = """
    SELECT run_id FROM runs WHERE run_id = %s AND worker_id = %s AND attempt = %s AND status = 'running' FOR KEY SHARE"""

# What stands behind a checkpoint of an earlier run, before this run writes there for the first time.
_REMEMBER: LiteralString = f"""
    WITH held AS ({HELD})
    INSERT INTO undo_writes (run_id, checkpoint_ns, checkpoint_id, task_id, idx, channel, type, blob)
    SELECT held.run_id, %s, %s, %s, place.idx, w.channel, w.type, w.blob
    FROM held, unnest(%s::integer[]) AS place (idx) LEFT JOIN checkpoint_writes AS w
        ON w.thread_id = %s AND w.checkpoint_ns = %s AND w.checkpoint_id = %s AND w.task_id = %s AND w.idx = place.idx
    ON CONFLICT DO NOTHING"""

_INTO_BLOBS: LiteralString = "INSERT INTO checkpoint_blobs (thread_id, checkpoint_ns, channel, version, type, blob)"

_NEW_BLOBS: LiteralString = "ON CONFLICT (thread_id, checkpoint_ns, channel, version) DO NOTHING"

_INTO_CHECKPOINTS: LiteralString = """
    INSERT INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint, metadata)"""

_NEWER_CHECKPOINT: LiteralString = """
    ON CONFLICT (thread_id, checkpoint_ns, checkpoint_id)
    DO UPDATE SET checkpoint = EXCLUDED.checkpoint, metadata = EXCLUDED.metadata"""

_INTO_WRITES: LiteralString = """
    INSERT INTO checkpoint_writes (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, blob)"""


def _values(rows: int, columns: int) -> LiteralString:
    row: LiteralString = "(" + ", ".join(["%s"] * columns) + ")"
    return "VALUES " + ", ".join([row] * rows)


@lru_cache
def _put(blobs: int, held: bool) -> LiteralString:
    """A checkpoint, and `blobs` versions of channels, in one statement; with `held`, if the run is, whose row it answers then."""
    if not held:
        with_blobs: LiteralString = f"WITH blobs AS ({_INTO_BLOBS} {_values(blobs, 6)} {_NEW_BLOBS})" if blobs else ""
        return f"{with_blobs} {_INTO_CHECKPOINTS} {_values(1, 6)} {_NEWER_CHECKPOINT}"
    with_blobs = f", blobs AS ({_INTO_BLOBS} SELECT v.* FROM held, ({_values(blobs, 6)}) AS v {_NEW_BLOBS})" if blobs else ""
    return f"""
    WITH held AS ({HELD}) {with_blobs},
    checkpoint AS ({_INTO_CHECKPOINTS} SELECT v.* FROM held, ({_values(1, 6)}) AS v {_NEWER_CHECKPOINT})
    SELECT FROM held"""


def _writes(count: int, held: bool, conflict: LiteralString) -> LiteralString:
    """`count` writes of one task."""
    on_conflict: LiteralString = f"ON CONFLICT (thread_id, checkpoint_ns, checkpoint_id, task_id, idx) DO {conflict}"
    if not held:
        return f"{_INTO_WRITES} {_values(count, 9)} {on_conflict}"
    return f"""
    WITH held AS ({HELD}),
    writes AS ({_INTO_WRITES} SELECT v.* FROM held, ({_values(count, 9)}) AS v {on_conflict})
    SELECT FROM held"""


@lru_cache
def _put_writes(count: int, held: bool) -> LiteralString:
    return _writes(count, held, "NOTHING")


@lru_cache
def _put_special_writes(count: int, held: bool) -> LiteralString:
    """Writes that have a fixed place replace what was there."""
    return _writes(count, held, "UPDATE SET channel = EXCLUDED.channel, type = EXCLUDED.type, blob = EXCLUDED.blob")
