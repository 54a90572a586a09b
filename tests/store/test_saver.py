"""Our saver writes what LangGraph's writes."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.base import Checkpoint, empty_checkpoint
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from allograph.store.database import Database
from allograph.store.saver import LIGHT, MOST_ROWS, Saver, light

SERDE = JsonPlusSerializer(pickle_fallback=True)
MANY: dict[str, Any] = {f"list{n}": [n] for n in range(MOST_ROWS + 1)}
VALUES: dict[str, dict[str, Any]] = {
    "plain": {"text": "a", "number": 1, "nothing": None, "flag": True},
    "messages": {"messages": [HumanMessage("hello", id="1"), AIMessage("hi", id="2")], "text": "a"},
    "heavy": {"texts": ["x" * 100] * (2 * LIGHT)},
    "many": MANY,
    "empty": {},
}
WRITES: dict[str, list[tuple[str, Any]]] = {
    "one": [("messages", [AIMessage("hi", id="2")])],
    "several": [("a", 1), ("b", [1, 2]), ("branch:to:c", None)],
    "many": [(f"channel{n}", n) for n in range(MOST_ROWS + 1)],
    "special": [("__interrupt__", ["first"])],
    "special twice": [("__interrupt__", ["first"]), ("__interrupt__", ["second"])],
    "mixed": [("a", 1), ("__error__", "failed")],
    "mixed twice": [("__error__", "first"), ("a", 1), ("__error__", "second")],
    "none": [],
}


def config(thread_id: str, checkpoint_id: str | None = None) -> Any:
    given = {"checkpoint_id": checkpoint_id} if checkpoint_id else {}
    return {"configurable": {"thread_id": thread_id, "checkpoint_ns": "", **given}, "metadata": {"user": "u"}}


async def rows(database: Database, table: str, thread_id: str) -> list[dict[str, Any]]:
    found = await database.fetch_all(f"SELECT * FROM {table} WHERE thread_id = %s ORDER BY 1, 2, 3, 4, 5", [thread_id])
    return [{name: value for name, value in row.items() if name != "thread_id"} for row in found]


@pytest.mark.parametrize("name", VALUES)
async def test_checkpoints_are_the_same(database: Database, name: str) -> None:
    values = VALUES[name]
    versions: dict[str, str | int | float] = dict.fromkeys(values, f"{1:032}.5")
    checkpoint: Checkpoint = {**empty_checkpoint(), "channel_values": values, "channel_versions": versions}
    stored = []
    for kind in (AsyncPostgresSaver, Saver):
        saver = kind(database.pool, serde=SERDE)  # type: ignore[arg-type]
        thread_id = f"{kind.__name__}-{name}"
        put = await saver.aput(config(thread_id), checkpoint, {"source": "loop", "step": 1, "parents": {}}, versions)
        # A second time, as a retry does.
        assert await saver.aput(config(thread_id), checkpoint, {"source": "loop", "step": 1, "parents": {}}, versions) == put
        read = await saver.aget_tuple(config(thread_id))
        assert read is not None
        assert read.checkpoint["channel_values"] == values
        tables = [await rows(database, table, thread_id) for table in ("checkpoints", "checkpoint_blobs")]
        stored.append((put["configurable"]["checkpoint_id"], tables, read.metadata, read.pending_writes))
    assert stored[0] == stored[1]


@pytest.mark.parametrize("name", WRITES)
async def test_writes_are_the_same(database: Database, name: str) -> None:
    stored = []
    for kind in (AsyncPostgresSaver, Saver):
        saver = kind(database.pool, serde=SERDE)  # type: ignore[arg-type]
        thread_id = f"{kind.__name__}-{name}"
        checkpoint = {**empty_checkpoint(), "id": "1"}
        await saver.aput(config(thread_id), checkpoint, {}, {})  # type: ignore[arg-type]
        for _ in range(2):
            await saver.aput_writes(config(thread_id, "1"), WRITES[name], "task", "path")
        read = await saver.aget_tuple(config(thread_id))
        assert read is not None
        stored.append((await rows(database, "checkpoint_writes", thread_id), read.pending_writes))
    assert stored[0] == stored[1]


async def test_a_channel_may_have_any_name(database: Database) -> None:
    """The original cannot read back what it wrote under these."""
    saver = Saver(database.pool, serde=SERDE)  # type: ignore[arg-type]
    values = {"a\\b": [1], "\\x": [2], "\\\\": [3], "é😀'": [4]}
    versions: dict[str, str | int | float] = dict.fromkeys(values, f"{1:032}.5")
    checkpoint: Checkpoint = {**empty_checkpoint(), "id": "1", "channel_values": values, "channel_versions": versions}
    await saver.aput(config("named"), checkpoint, {}, versions)
    await saver.aput_writes(config("named", "1"), list(values.items()), "task")
    read = await saver.aget_tuple(config("named"))
    assert read is not None
    assert read.checkpoint["channel_values"] == values
    assert read.pending_writes == [("task", name, value) for name, value in values.items()]


class Plain:
    def __init__(self, text: str) -> None:
        self.text = text


def test_what_is_large_is_encoded_in_a_thread() -> None:
    circular: list[Any] = []
    circular.append(circular)
    for small in ("text", 1, None, [HumanMessage("hello")] * 5, {"a": {"b": [1, 2, 3]}}, Plain("text")):
        assert light([small]), small
    for large in ("x" * 100 * LIGHT, [1] * LIGHT, [HumanMessage("hello")] * LIGHT, Plain("x" * 100 * LIGHT), circular, object()):
        assert not light([large]), large
