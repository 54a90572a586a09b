"""The store over HTTP, where something embeds and items expire. What the reference answers is compared in tests/parity."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from langgraph_sdk import get_client, get_sync_client

from tests.server_process import ROOT, ServerProcess, data_folder, query, serving

INDEXED = ROOT / "tests" / "indexed" / "langgraph.json"


@pytest.fixture(scope="module")
def indexed() -> Iterator[ServerProcess]:
    with data_folder() as folder, serving(folder / "data", config=INDEXED) as running:
        yield running


@pytest.fixture
def http(indexed: ServerProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=indexed.url, timeout=60) as client:
        yield client


@pytest.fixture
def space() -> str:
    return f"test-{uuid4()}"


def put(http: httpx.Client, space: str, key: str, value: dict[str, Any], **options: Any) -> None:
    reply = http.put("/store/items", json={"namespace": [space], "key": key, "value": value, **options})
    assert reply.status_code == 204, reply.text


def keys(http: httpx.Client, space: str, **body: Any) -> list[str]:
    reply = http.post("/store/items/search", json={"namespace_prefix": [space], **body})
    assert reply.status_code == 200, reply.text
    return [item["key"] for item in reply.json()["items"]]


def test_the_nearest_come_first(http: httpx.Client, space: str) -> None:
    put(http, space, "pizza", {"text": "she likes pizza and pasta"})
    put(http, space, "tea", {"text": "he drinks green tea"})
    put(http, space, "both", {"text": "pizza with tea"})
    assert keys(http, space, query="pizza pasta")[0] == "pizza"
    assert keys(http, space, query="green tea")[0] == "tea"
    items = http.post("/store/items/search", json={"namespace_prefix": [space], "query": "he drinks green tea"}).json()["items"]
    assert items[0]["score"] == pytest.approx(1.0)
    assert items[0]["score"] > items[1]["score"] > items[2]["score"] - 1e-9
    pages = [key for offset in range(3) for key in keys(http, space, query="pizza", limit=1, offset=offset)]
    assert sorted(pages) == ["both", "pizza", "tea"]
    assert pages == keys(http, space, query="pizza")


def test_only_what_lies_below_the_prefix_and_meets_the_filter_is_near(http: httpx.Client, space: str) -> None:
    put(http, space, "mine", {"text": "pizza", "kind": "food"})
    put(http, space, "other", {"text": "pizza pizza", "kind": "word"})
    put(http, f"{space}x", "elsewhere", {"text": "pizza"})
    assert sorted(keys(http, space, query="pizza")) == ["mine", "other"]
    assert keys(http, space, query="pizza", filter={"kind": "food"}) == ["mine"]


def test_an_item_says_what_of_it_is_embedded(http: httpx.Client, space: str) -> None:
    put(http, space, "default", {"text": "apple", "title": "banana"})
    put(http, space, "title", {"text": "apple", "title": "banana"}, index=["title"])
    put(http, space, "never", {"text": "apple", "title": "banana"}, index=False)
    put(http, space, "facts", {"facts": [{"text": "cherry"}, {"text": "apple"}]})
    assert set(keys(http, space, query="apple")) == {"default", "title", "facts"}
    assert keys(http, space, query="banana")[0] == "title"
    assert keys(http, space, query="cherry")[0] == "facts"
    assert keys(http, space, query="cherry").count("facts") == 1  # however many of its fields are near
    assert set(keys(http, space)) == {"default", "title", "never", "facts"}


def test_what_an_item_was_is_forgotten(http: httpx.Client, space: str) -> None:
    put(http, space, "k", {"facts": [{"text": "cherry"}, {"text": "apple"}]})
    put(http, space, "k", {"facts": [{"text": "apple"}]})
    put(http, space, "cherry", {"text": "cherry"})
    assert keys(http, space, query="cherry") == ["cherry", "k"]
    put(http, space, "k", {"text": "apple"}, index=False)
    assert keys(http, space, query="apple") == ["cherry"]


def test_embeddings_that_fail_are_told_and_nothing_is_stored(http: httpx.Client, space: str) -> None:
    for text, said in (
        ("broken", "RuntimeError: the model is away"),
        ("short", "1 vectors of [2] numbers from 1 texts; store.index.dims is 64"),
    ):
        reply = http.put("/store/items", json={"namespace": [space], "key": text, "value": {"text": text}})
        assert reply.status_code == 503
        assert said in reply.json()["detail"]
    assert http.post("/store/items/search", json={"query": "broken"}).status_code == 503
    assert keys(http, space) == []


async def test_a_slow_embedding_holds_up_nobody(indexed: ServerProcess, space: str) -> None:
    async with httpx.AsyncClient(base_url=indexed.url, timeout=60) as client:
        slow = [
            asyncio.create_task(client.put("/store/items", json={"namespace": [space], "key": f"{n}", "value": {"text": "slow"}}))
            for n in range(30)
        ]
        await asyncio.sleep(0.5)
        reply = await client.get("/store/items", params={"namespace": space, "key": "0"})
        assert reply.json() is None
        assert not any(task.done() for task in slow)
        assert {reply.status_code for reply in await asyncio.gather(*slow)} == {204}


async def test_graphs_have_the_same_store(indexed: ServerProcess) -> None:
    user = str(uuid4())
    async with get_client(url=indexed.url) as client:
        await client.store.put_item(["graph", user], "told before", {"text": "the cat is called Minka"})
        await client.store.put_item(["graph", user], "else", {"text": "bread"})
        state: Any = await client.runs.wait(None, "recall", input={"user": user, "text": "what is the cat called"})
        assert state["recalled"] == ["told before"]
        assert state["sync"] == ["else", "told before", "what is the cat called"]
        item = await client.store.get_item(["graph", user], "what is the cat called")
        assert item["value"] == {"text": "what is the cat called"}


def expiry(server: ServerProcess, space: str) -> dict[str, Any]:
    found = query(server.data_dir, "SELECT key, ttl_minutes, expires_at - now() AS left FROM store WHERE prefix = %s", [space])
    return {row["key"]: row for row in found}


def test_items_live_as_long_as_they_or_the_store_say(http: httpx.Client, indexed: ServerProcess, space: str) -> None:
    put(http, space, "default", {})
    put(http, space, "own", {}, ttl=0.5)
    put(http, space, "forever", {}, ttl=None)
    found = expiry(indexed, space)
    assert {key: row["ttl_minutes"] for key, row in found.items()} == {"default": 60, "own": 0.5, "forever": None}
    assert 3500 < found["default"]["left"].total_seconds() <= 3600
    assert found["forever"]["left"] is None


def age(server: ServerProcess, space: str, seconds: int) -> None:
    query(
        server.data_dir, "UPDATE store SET expires_at = expires_at - make_interval(secs => %s) WHERE prefix = %s", [seconds, space]
    )


def test_reading_starts_the_time_to_live_anew_when_asked(http: httpx.Client, indexed: ServerProcess, space: str) -> None:
    put(http, space, "k", {}, ttl=10)
    for refresh, lives_on in ((None, False), (False, False), (True, True)):
        age(indexed, space, 60)
        before = expiry(indexed, space)["k"]["left"]
        given = {} if refresh is None else {"refresh_ttl": refresh}
        assert http.get("/store/items", params={"namespace": space, "key": "k", **given}).json()["key"] == "k"
        assert (expiry(indexed, space)["k"]["left"] > before) is lives_on
        age(indexed, space, 60)
        before = expiry(indexed, space)["k"]["left"]
        assert keys(http, space, **given) == ["k"]
        assert (expiry(indexed, space)["k"]["left"] > before) is lives_on


def test_what_has_expired_is_gone(http: httpx.Client, indexed: ServerProcess, space: str) -> None:
    put(http, space, "k", {"text": "apple"}, ttl=1)
    put(http, space, "stays", {"text": "apple"})
    age(indexed, space, 61)
    assert http.get("/store/items", params={"namespace": space, "key": "k", "refresh_ttl": True}).json() is None
    assert keys(http, space) == keys(http, space, query="apple") == ["stays"]
    put(http, f"{space}-other", "k", {}, ttl=1)
    age(indexed, f"{space}-other", 61)
    namespaces = http.post("/store/namespaces", json={"prefix": [f"{space}-other"]}).json()["namespaces"]
    assert namespaces == []
    put(http, space, "k", {"text": "back"})
    assert keys(http, space, query="back")[0] == "k"


def test_the_longest_that_is_taken_can_be_stored(http: httpx.Client, space: str) -> None:
    def text(size: int) -> str:
        return "".join(random.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_~!", k=size))

    label, key, field = text(1024), text(1024), text(256)  # nothing that Postgres could compress
    item: dict[str, Any] = {"namespace": [label], "key": key, "value": {field: "apple"}, "index": [field]}
    assert http.put("/store/items", json=item).status_code == 204
    assert http.get("/store/items", params={"namespace": label, "key": key}).json()["value"] == item["value"]
    for wrong, said in (
        ({"namespace": [label[:500], label[:600]]}, "namespace is 1101 bytes long; expected at most 1024"),
        ({"namespace": ["é" * 600]}, "namespace is 1200 bytes long; expected at most 1024"),
        ({"key": "é" * 600}, "key is 1200 bytes long; expected at most 1024"),
        ({"index": ["f" * 257]}, "is 257 bytes long; expected at most 256"),
    ):
        reply = http.put("/store/items", json={**item, **wrong})
        assert reply.status_code == 422
        assert said in reply.json()["detail"]


@pytest.mark.parametrize("label", ["x" * 1024, "é" * 600, "😀" * 1024])
def test_what_is_too_long_to_be_stored_is_not_there(http: httpx.Client, label: str) -> None:
    namespace = [label] * 64
    assert http.get("/store/items", params={"namespace": namespace[:2], "key": "k"}).json() is None
    assert http.request("DELETE", "/store/items", json={"namespace": namespace, "key": label}).status_code == 204
    assert http.post("/store/items/search", json={"namespace_prefix": namespace}).json() == {"items": []}
    for place in ("prefix", "suffix"):
        for labels in (namespace, ["*", *namespace[:63]]):
            assert http.post("/store/namespaces", json={place: labels}).json() == {"namespaces": []}


@pytest.mark.parametrize(
    ("value", "index"),
    [({"text": "apple"}, ["text", "text"]), ({"a": [{"0": "apple"}, {"b": "pear"}]}, ["a[*]", "a[*].0"])],
    ids=str,
)
def test_fields_that_come_to_one_name_have_one_vector(
    http: httpx.Client, indexed: ServerProcess, space: str, value: dict[str, Any], index: list[str]
) -> None:
    item = {"namespace": [space], "key": "k", "value": value, "index": index}
    for _ in range(2):
        assert http.put("/store/items", json=item).status_code == 204
    stored = query(indexed.data_dir, "SELECT field_name FROM store_vectors WHERE prefix = %s", [space])
    assert len(stored) == len({one["field_name"] for one in stored}) > 0
    assert keys(http, space, query="apple") == ["k"]


def test_the_sync_client(indexed: ServerProcess, space: str) -> None:
    with get_sync_client(url=indexed.url) as client:
        client.store.put_item([space, "a"], "k", {"text": "apple", "n": 1}, index=["text"], ttl=5)
        assert client.store.get_item([space, "a"], "k")["value"] == {"text": "apple", "n": 1}
        found = client.store.search_items([space], query="apple", filter={"n": {"$lt": 2}}, limit=3, refresh_ttl=True)["items"]
        assert [item["namespace"] for item in found] == [[space, "a"]]
        assert client.store.list_namespaces(prefix=[space], max_depth=1)["namespaces"] == [[space]]
        client.store.delete_item([space, "a"], "k")
        assert client.store.get_item([space, "a"], "k") is None
