"""Searching threads: filters, order, pages, `select`, `extract`, counts."""

from __future__ import annotations

from typing import Any

from . import Session, scenario


def _threads(s: Session) -> list[str]:
    """Five threads: two idle with values, one interrupted, one failed, one unused; made in this order."""
    threads = [s.thread(metadata={"mark": s.mark, "n": n}) for n in range(5)]
    s.done(threads[0], "steps", input={"text": "a"})
    s.done(threads[1], "steps", input={"text": "b"})
    s.done(threads[2], "asking", input={"text": "a"})
    s.done(threads[3], "failing", input={"text": "z"})
    return threads


def _search(s: Session, **body: Any) -> None:
    s.post("/threads/search", {"metadata": {"mark": s.mark}, **body})


@scenario
def rows(s: Session) -> None:
    _threads(s)
    _search(s)


@scenario
def statuses(s: Session) -> None:
    _threads(s)
    for status in ("idle", "interrupted", "error", "busy"):
        _search(s, status=status, select=["metadata", "status"])
    _search(s, status="nope")


@scenario
def metadata(s: Session) -> None:
    _threads(s)
    s.post("/threads/search", {"metadata": {"mark": s.mark, "n": 2}, "select": ["metadata"]})
    s.post("/threads/search", {"metadata": {"mark": s.mark, "graph_id": "steps"}, "select": ["metadata"]})
    s.post("/threads/search", {"metadata": {"mark": s.mark, "n": "2"}})


@scenario
def values(s: Session) -> None:
    _threads(s)
    _search(s, values={"text": "a!"}, select=["metadata"])


@scenario
def order(s: Session) -> None:
    _threads(s)
    for by in ("created_at", "updated_at", "state_updated_at"):
        for order in ("asc", "desc"):
            _search(s, sort_by=by, sort_order=order, extract={"n": "metadata.n"}, select=["status"])
    _search(s, extract={"n": "metadata.n"}, select=["status"])
    _search(s, sort_by="nope")
    _search(s, sort_order="nope")


@scenario
def pages(s: Session) -> None:
    threads = [s.thread(metadata={"mark": s.mark, "n": n}) for n in range(5)]
    assert threads
    _search(s, limit=2, select=["metadata"])
    _search(s, limit=2, offset=2, select=["metadata"])
    _search(s, limit=2, offset=4, select=["metadata"])
    _search(s, limit=5, select=["metadata"])
    _search(s, limit=2, offset=9)


@scenario
def pages_wrong(s: Session) -> None:
    for wrong in ({"limit": 0}, {"limit": 1001}, {"limit": "2"}, {"limit": None}, {"offset": -1}):
        _search(s, **wrong)


@scenario
def ids(s: Session) -> None:
    threads = _threads(s)
    _search(s, ids=[threads[0], threads[3]], select=["thread_id", "metadata"])
    _search(s, ids=[], select=["metadata"])
    _search(s, ids=["nope"])


@scenario
def select(s: Session) -> None:
    _threads(s)
    _search(s, select=["thread_id", "status"], limit=1)
    _search(s, select=["values", "interrupts", "error"], limit=3)
    _search(s, select=[], limit=1)
    _search(s, select=["nope"])


@scenario
def extract(s: Session) -> None:
    _threads(s)
    paths = {
        "text": "values.text",
        "first": "values.steps[0]",
        "last": "values.steps[-1]",
        "all": "values",
        "n": "metadata.n",
        "none": "values.nope.deeper",
        "asked": "interrupts",
    }
    _search(s, extract=paths, select=["thread_id"])
    _search(s, extract={"text": "values.text"}, limit=1)


@scenario
def extract_wrong(s: Session) -> None:
    _search(s, extract={"x": "nope.text"})
    _search(s, extract={"x": "status"})
    _search(s, extract={"x": ""})
    _search(s, extract={f"k{n}": "values.text" for n in range(11)})


@scenario
def count(s: Session) -> None:
    _threads(s)
    s.post("/threads/count", {"metadata": {"mark": s.mark}})
    s.post("/threads/count", {"metadata": {"mark": s.mark}, "status": "idle"})
    s.post("/threads/count", {"metadata": {"mark": "nobody"}})
    s.post("/threads/count", {"status": "nope"})


@scenario
def count_values(s: Session) -> None:
    _threads(s)
    s.post("/threads/count", {"metadata": {"mark": s.mark}, "values": {"text": "a!"}})
