"""The store: put, get, delete, search, namespaces. Each scenario works below a namespace of its own."""

from __future__ import annotations

from typing import Any

from . import Session, scenario

ITEMS: dict[tuple[str, str], dict[str, Any]] = {
    ("a", "one"): {"n": 9, "s": "x", "nested": {"q": 1, "w": {"e": "deep"}}, "list": [1, 2], "flag": True, "nothing": None},
    ("a", "two"): {"n": 10, "s": "y"},
    ("b", "three"): {"n": 1.5, "s": "é 😀"},
}


def _put(s: Session) -> None:
    for (label, key), value in ITEMS.items():
        s.quiet("PUT", "/store/items", {"namespace": [s.mark, label], "key": key, "value": value})


def _search(s: Session, **body: Any) -> None:
    s.post("/store/items/search", {"namespace_prefix": [s.mark], **body}, unordered=("body.items",))


@scenario
def put(s: Session) -> None:
    s.request(
        "PUT", "/store/items", {"namespace": [s.mark, "a"], "key": "k", "value": {"a": 1, "b": [None, True, 2.5, {"c": "é 😀"}]}}
    )
    s.get(f"/store/items?namespace={s.mark}.a&key=k")
    s.request("PUT", "/store/items", {"namespace": [s.mark, "a"], "key": "k", "value": {"b": 2}})
    s.get(f"/store/items?namespace={s.mark}.a&key=k")
    s.request("PUT", "/store/items", {"namespace": [s.mark, "a"], "key": "", "value": {}})
    s.get(f"/store/items?namespace={s.mark}.a&key=")
    s.request("PUT", "/store/items", {"namespace": [s.mark, " ", "*", "a/b", "a%b_", "\\", "é"], "key": "a.b", "value": {"a": 1}})
    s.post("/store/items/search", {"namespace_prefix": [s.mark, " ", "*"]})


@scenario
def put_wrong(s: Session) -> None:
    for namespace in ([], [""], ["a.b"], ["a", ""], ["langgraph"], ["langgraph", "x"], "a", [1]):
        s.request("PUT", "/store/items", {"namespace": namespace, "key": "k", "value": {"a": 1}})
    for item in (
        {"key": "k", "value": {}}, {"namespace": [s.mark], "value": {}}, {"namespace": [s.mark], "key": "k"},
        {"namespace": [s.mark], "key": 5, "value": {}}, {"namespace": [s.mark], "key": "k", "value": [1]},
        {"namespace": [s.mark], "key": "k", "value": None}, {"namespace": [s.mark], "key": "k", "value": {}, "index": True},
        {"namespace": [s.mark], "key": "k", "value": {}, "index": 5},
        {"namespace": [s.mark], "key": "k", "value": {}, "ttl": "soon"},
    ):  # fmt: skip
        s.request("PUT", "/store/items", item)


@scenario
def put_index(s: Session) -> None:
    """Where nothing embeds."""
    s.request("PUT", "/store/items", {"namespace": [s.mark], "key": "k", "value": {"text": "a"}, "index": False})
    s.request("PUT", "/store/items", {"namespace": [s.mark], "key": "k", "value": {"text": "a"}, "index": None})
    s.request("PUT", "/store/items", {"namespace": [s.mark], "key": "k", "value": {"text": "a"}, "index": ["text"]})
    _search(s, query="a")


@scenario
def put_ttl(s: Session) -> None:
    s.request("PUT", "/store/items", {"namespace": [s.mark], "key": "k", "value": {"a": 1}, "ttl": 5})
    s.request("PUT", "/store/items", {"namespace": [s.mark], "key": "k2", "value": {"a": 1}, "ttl": 0.5})
    s.request("PUT", "/store/items", {"namespace": [s.mark], "key": "k3", "value": {"a": 1}, "ttl": None})
    s.get(f"/store/items?namespace={s.mark}&key=k&refresh_ttl=true")
    s.get(f"/store/items?namespace={s.mark}&key=k&refresh_ttl=false")
    _search(s, refresh_ttl=True)
    s.request("PUT", "/store/items", {"namespace": [s.mark], "key": "k", "value": {"a": 1}, "ttl": 0})
    s.request("PUT", "/store/items", {"namespace": [s.mark], "key": "k", "value": {"a": 1}, "ttl": -1})


@scenario
def get_wrong(s: Session) -> None:
    s.get(f"/store/items?namespace={s.mark}&key=nobody")
    s.get("/store/items?namespace=langgraph&key=k")
    s.get("/store/items?namespace=&key=k")
    s.get("/store/items?namespace=a..b&key=k")
    s.get("/store/items?key=k")
    s.get(f"/store/items?namespace={s.mark}")


@scenario
def delete(s: Session) -> None:
    _put(s)
    s.request("DELETE", "/store/items", {"namespace": [s.mark, "a"], "key": "one"})
    s.get(f"/store/items?namespace={s.mark}.a&key=one")
    s.request("DELETE", "/store/items", {"namespace": [s.mark, "a"], "key": "one"})
    s.request("DELETE", "/store/items", {"key": "one"})
    s.request("DELETE", "/store/items", {"namespace": [], "key": "one"})
    s.request("DELETE", "/store/items", {"namespace": ["a.b"], "key": "one"})
    s.request("DELETE", "/store/items", {"namespace": [s.mark, "a"]})
    _search(s)


@scenario
def search(s: Session) -> None:
    _put(s)
    _search(s)
    s.post("/store/items/search", {"namespace_prefix": [s.mark, "b"]})
    s.post("/store/items/search", {"namespace_prefix": [f"{s.mark}-"]})
    _search(s, limit=1, offset=3)


@scenario
def search_filters(s: Session) -> None:
    _put(s)
    for wanted in (
        {"n": 9}, {"n": 9.0}, {"n": {"$eq": 9}}, {"n": {"$ne": 9}}, {"n": {"$gt": 9}}, {"n": {"$gte": 9}}, {"n": {"$lt": 10}},
        {"n": {"$lte": 9}}, {"n": {"$gt": 1, "$lt": 10}}, {"n": 9, "s": "x"}, {"n": 9, "s": "y"}, {"s": "é 😀"},
        {"nested": {"q": 1}}, {"nested": {"q": {"$gt": 0}}}, {"nested": {"w": {"e": "deep"}}}, {"list": [1, 2]}, {"list": [1]},
        {"flag": True}, {"nothing": None}, {"missing": None}, {"missing": {"$ne": 1}}, {},
    ):  # fmt: skip
        _search(s, filter=wanted)


@scenario
def search_wrong(s: Session) -> None:
    _put(s)
    for body in (
        {"filter": {"n": {"$in": [9]}}}, {"filter": {"s": {"$gt": "x"}}}, {"filter": {"n": {"$gt": None}}}, {"filter": "n"},
        {"limit": 0}, {"limit": -1}, {"limit": "x"}, {"offset": -1}, {"namespace_prefix": ["a.b"]}, {"namespace_prefix": [""]},
        {"namespace_prefix": "a"},
    ):  # fmt: skip
        _search(s, **body)


@scenario
def namespaces(s: Session) -> None:
    for namespace in (["x", "1"], ["x", "2", "deep"], ["y", "1"], ["x y", "1"], ["x-", "1"]):
        s.quiet("PUT", "/store/items", {"namespace": [s.mark, *namespace], "key": "k", "value": {}})
    for body in (
        {}, {"max_depth": 2}, {"max_depth": 1}, {"limit": 2}, {"limit": 2, "offset": 3}, {"suffix": ["1"]}, {"suffix": ["x", "1"]},
        {"prefix": [s.mark, "x"]}, {"prefix": [s.mark, "*", "1"]}, {"suffix": ["*", "deep"]},
    ):  # fmt: skip
        s.post("/store/namespaces", {"prefix": [s.mark], **body})


@scenario
def namespaces_wrong(s: Session) -> None:
    for body in (
        {"prefix": ["a.b"]}, {"prefix": [""]}, {"suffix": ["a.b"]}, {"max_depth": 0}, {"max_depth": -1}, {"max_depth": "x"},
        {"limit": 0}, {"limit": -1}, {"offset": -1},
    ):  # fmt: skip
        s.post("/store/namespaces", {"prefix": [s.mark], **body})


@scenario
def sdk(s: Session) -> None:
    client = s.sdk()
    client.store.put_item([s.mark, "a"], key="k", value={"text": "hello", "n": 1})
    client.store.put_item([s.mark, "b"], key="k", value={"text": "hello", "n": 2}, index=False, ttl=10)
    client.store.get_item([s.mark, "a"], key="k")
    client.store.get_item([s.mark, "a"], key="k", refresh_ttl=False)
    client.store.get_item([s.mark, "a"], key="nobody")
    client.store.search_items([s.mark], filter={"n": {"$gte": 2}}, limit=5, refresh_ttl=True)
    client.store.list_namespaces(prefix=[s.mark], max_depth=2)
    client.store.delete_item([s.mark, "a"], key="k")
    client.store.search_items([s.mark])
