"""LangGraph's Postgres saver with cheaper writes: the same tables, the same rows, a third of the CPU time.

The original encodes every write in a thread and sends it through a pipeline. For what most checkpoints hold, changing threads
twice and setting up a pipeline cost more than the write itself. Here a write is one prepared statement, and a thread is used
only for values large enough to hold up the event loop. docs/performance.md has the figures.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import lru_cache
from typing import Any, LiteralString, cast

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
from langgraph.checkpoint.serde.types import _DeltaSnapshot
from psycopg import AsyncConnection, AsyncCursor, OperationalError
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb
from psycopg_pool import PoolTimeout

LIGHT = 400
"""Values that weigh more (about one for each item, and for each 100 characters of text) are encoded in a thread."""

MOST_ROWS = 5
"""Rows of one statement; more go to the original. psycopg parses statements of more than 50 parameters anew each time."""


class StorageError(Exception):
    """The database was away when a checkpoint was read or written: no fault of the graph, which can go on from the last one."""


@contextlib.contextmanager
def storage() -> Iterator[None]:
    """Tells a database that is away from what a graph raises itself; graphs may use databases of their own."""
    try:
        yield
    except (OperationalError, PoolTimeout) as error:
        raise StorageError(f"{type(error).__name__}: {str(error).strip()}") from error


class Saver(AsyncPostgresSaver):
    """Make a new one for each use: an instance does one thing at a time."""

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
        await self._write(_put(len(apart)), parameters)
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
        await self._write(_put_writes(len(rows), special), parameters)

    async def _write(self, statement: LiteralString, parameters: Sequence[Any]) -> None:
        async with self.lock:
            if isinstance(self.conn, AsyncConnection):
                await self.conn.execute(statement, parameters)
            else:
                async with self.conn.connection() as connection:
                    await connection.execute(statement, parameters)

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
    """The saver of one run. Raises `StorageError` when the database is away, or gave a statement up in favour of another."""

    async def _write(self, statement: LiteralString, parameters: Sequence[Any]) -> None:
        with storage():
            await super()._write(statement, parameters)

    @contextlib.asynccontextmanager
    async def _cursor(self, *, pipeline: bool = False) -> AsyncIterator[AsyncCursor[DictRow]]:
        with storage():
            async with super()._cursor(pipeline=pipeline) as cursor:
                yield cursor


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


@lru_cache
def _put(blobs: int) -> LiteralString:
    """A checkpoint, and `blobs` versions of channels, in one statement."""
    if not blobs:
        return _CHECKPOINT
    rows = ", ".join(["(%s, %s, %s, %s, %s, %s)"] * blobs)
    return f"""
    WITH blobs AS (
        INSERT INTO checkpoint_blobs (thread_id, checkpoint_ns, channel, version, type, blob) VALUES {rows}
        ON CONFLICT (thread_id, checkpoint_ns, channel, version) DO NOTHING
    ){_CHECKPOINT}"""


_CHECKPOINT: LiteralString = """
    INSERT INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint, metadata)
    VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (thread_id, checkpoint_ns, checkpoint_id)
    DO UPDATE SET checkpoint = EXCLUDED.checkpoint, metadata = EXCLUDED.metadata"""


@lru_cache
def _put_writes(count: int, special: bool) -> LiteralString:
    """`count` writes of one task; those that have a fixed place replace what was there."""
    rows = ", ".join(["(%s, %s, %s, %s, %s, %s, %s, %s, %s)"] * count)
    conflict: LiteralString = (
        "UPDATE SET channel = EXCLUDED.channel, type = EXCLUDED.type, blob = EXCLUDED.blob" if special else "NOTHING"
    )
    return f"""
    INSERT INTO checkpoint_writes (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, blob)
    VALUES {rows}
    ON CONFLICT (thread_id, checkpoint_ns, checkpoint_id, task_id, idx) DO {conflict}"""
