"""The store of one process, on a real database. Over HTTP it is tested in tests/test_store.py."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import psycopg
import pytest
from langgraph.store.base import GetOp, InvalidNamespaceError, Op, PutOp, SearchOp

from allograph.errors import StartupError
from allograph.store.database import Database, migrate
from allograph.store.items import FilterError, Items, make_vectors
from tests.indexed.words import DIMS, Words


async def test_a_store_leaves_no_task_behind(database: Database) -> None:
    before = asyncio.all_tasks()
    items = Items(database)
    items.start()
    await items.aput(("a",), "k", {"n": 1})
    assert await items.aget(("a",), "k") is not None
    await items.stop()
    assert asyncio.all_tasks() == before


async def test_one_call_that_fails_is_the_only_one(database: Database) -> None:
    """LangGraph's store gathers what is asked for in one tick, and fails all of it together."""
    items = Items(database)
    answers = await asyncio.gather(
        items.aput(("once",), "good", {"n": 1}),
        items.aput(("once",), "bad\0", {"n": 1}),
        items.asearch(("once",), filter={"n": {"$in": [1]}}),
        items.aget(("once.",), "good"),
        return_exceptions=True,
    )
    assert answers[0] is None
    assert [type(answer) for answer in answers[1:]] == [psycopg.DataError, FilterError, InvalidNamespaceError]
    assert await items.aget(("once",), "good") is not None


async def test_calls_do_not_wait_for_one_another(database: Database) -> None:
    items = Items(database)
    await items.aput(("locked",), "k", {"n": 1})
    async with database.transaction() as connection:
        await connection.execute("SELECT FROM store WHERE prefix = 'locked' FOR UPDATE")
        held = asyncio.create_task(items.aput(("locked",), "k", {"n": 2}))
        await asyncio.sleep(0.1)
        assert (await items.aget(("locked",), "k", refresh_ttl=False)).value == {"n": 1}  # type: ignore[union-attr]
        await items.aput(("locked",), "other", {"n": 3})
        assert not held.done()
    await held
    assert (await items.aget(("locked",), "k")).value == {"n": 2}  # type: ignore[union-attr]


async def test_a_batch_is_answered_in_its_order(database: Database) -> None:
    items = Items(database)
    await items.aput(("batch", "a"), "k", {"n": 1})
    ops: list[Op] = [
        SearchOp(("batch",)), PutOp(("batch", "b"), "k", {"n": 2}), GetOp(("batch", "a"), "k"), GetOp(("batch", "a"), "nobody"),
        PutOp(("batch", "a"), "gone", None),
    ]  # fmt: skip
    found, put, got, missing, deleted = await items.abatch(ops)
    assert [item.key for item in found] == ["k"]  # type: ignore[union-attr]
    assert got.value == {"n": 1}  # type: ignore[union-attr]
    assert put is missing is deleted is None


async def test_batches_in_either_order_both_end(database: Database) -> None:
    items = Items(database)
    keys = [f"k{n}" for n in range(50)]
    forth: list[Op] = [PutOp(("order",), key, {"by": "forth"}) for key in keys]
    back: list[Op] = [PutOp(("order",), key, {"by": "back"}) for key in reversed(keys)]
    await asyncio.gather(*(items.abatch(ops) for ops in (forth, back) * 10))
    found = await items.asearch(("order",), limit=100)
    assert len(found) == 50
    assert len({item.value["by"] for item in found}) == 1


async def test_what_is_stored_comes_back(database: Database) -> None:
    items = Items(database)
    value = {"é 😀": ["\ud7ff", "\\u0000"], "big": 2**63 - 1, "small": -(2**63), "real": 1e-7, "none": None, "deep": [[[{}]]]}
    await items.aput(("values",), "k", value)
    assert (await items.aget(("values",), "k")).value == value  # type: ignore[union-attr]
    await items.aput(("values",), "nul", {"text": "a\0b"})
    assert (await items.aget(("values",), "nul")).value == {"text": "a\ufffdb"}  # type: ignore[union-attr]


async def test_the_sweep_of_several_processes_deletes_each_item_once(database: Database) -> None:
    items = Items(database, default_ttl=1)
    for n in range(300):
        await items.aput(("sweep",), f"k{n}", {})
    await items.aput(("sweep",), "stays", {}, ttl=None)
    await database.execute("UPDATE store SET expires_at = expires_at - interval '2 minutes' WHERE prefix = 'sweep'")
    assert sum(await asyncio.gather(*(Items(database).sweep_ttl() for _ in range(4)))) == 300
    left = await database.fetch_all("SELECT key FROM store WHERE prefix = 'sweep'")
    assert [row["key"] for row in left] == ["stays"]


async def test_the_sweep_goes_on_by_itself(database: Database) -> None:
    items = Items(database, sweep_interval=0.01)
    await items.aput(("swept",), "k", {}, ttl=1)
    items.start()
    await database.execute("UPDATE store SET expires_at = now() - interval '1 second' WHERE prefix = 'swept'")
    async with asyncio.timeout(30):
        while await database.fetch_all("SELECT FROM store WHERE prefix = 'swept'"):
            await asyncio.sleep(0.05)
    await items.stop()


async def test_a_fraction_of_a_minute_is_kept(database: Database) -> None:
    items = Items(database, default_ttl=0.25)
    await items.aput(("fraction",), "k", {})
    await items.aget(("fraction",), "k", refresh_ttl=True)
    row = await database.fetch_one("SELECT expires_at - now() AS left FROM store WHERE prefix = 'fraction'")
    assert row is not None
    assert timedelta(seconds=5) < row["left"] <= timedelta(seconds=15)


async def test_vectors_of_another_size_are_refused(database: Database) -> None:
    """Two processes may start at once; a third one has another model."""
    await migrate(database.conninfo)
    await asyncio.gather(*(make_vectors(database.conninfo, DIMS) for _ in range(3)))
    items = Items(database, embeddings=Words(), dims=DIMS)
    await items.aput(("vectors",), "k", {"text": "apple"})
    assert [item.key for item in await items.asearch(("vectors",), query="apple")] == ["k"]
    await make_vectors(database.conninfo, DIMS)
    with pytest.raises(
        StartupError, match=r"store\.index\.dims is 65 in langgraph\.json, and the database holds vectors of 64 numbers"
    ):
        await make_vectors(database.conninfo, DIMS + 1)


async def test_the_default_of_langgraph_is_the_whole_item(database: Database) -> None:
    await make_vectors(database.conninfo, DIMS)
    items = Items(database, embeddings=Words(), dims=DIMS)
    await items.aput(("whole",), "a", {"any": "thing", "other": "apple pie"})
    await items.aput(("whole",), "b", {"any": "thing", "other": "nothing"})
    nearest = await items.asearch(("whole",), query='"apple pie"', limit=1)
    assert [item.key for item in nearest] == ["a"]
