"""Requests that are refused."""

from __future__ import annotations

from typing import Any

from . import Session, scenario


@scenario
def json(s: Session) -> None:
    for raw in ("{", "", "[]", '"x"', "null", '{"metadata":{"a":NaN}}', '{"metadata":{"a":"\\ud800"}}'):
        s.post("/threads", raw=raw)
    s.post("/threads", raw=b'{"metadata":{"a":"\xff"}}')
    s.post("/threads/search", raw="{")
    s.post("/runs/wait", raw="[]")
    s.post("/runs/stream", raw="{")


@scenario
def nul(s: Session) -> None:
    s.post("/threads", {"metadata": {"a": "\u0000"}})


@scenario
def content_type(s: Session) -> None:
    s.post("/threads", raw="{}", headers={"content-type": "text/plain"})


@scenario
def unknown_fields(s: Session) -> None:
    s.post("/threads", {"unknown": 1})
    s.post("/threads/search", {"unknown": 1, "metadata": {"mark": s.mark}})


@scenario
def run_fields(s: Session) -> None:
    thread = s.thread()
    for field, value in {
        "assistant_id": 5,
        "metadata": [],
        "config": "x",
        "context": 5,
        "stream_subgraphs": "x",
        "interrupt_before": 5,
        "multitask_strategy": "nope",
        "durability": "nope",
        "if_not_exists": "nope",
        "after_seconds": "soon",
        "feedback_keys": 5,
        "webhook": 5,
    }.items():
        s.post(f"/threads/{thread}/runs", {"assistant_id": "steps", "input": {"text": "x"}, field: value})
    s.get(f"/threads/{thread}/runs")


@scenario
def run_config(s: Session) -> None:
    thread = s.thread()
    wrong: list[dict[str, Any]] = [{"recursion_limit": "x"}, {"configurable": []}, {"tags": "x"}]
    for config in wrong:
        s.post(f"/threads/{thread}/runs", {"assistant_id": "steps", "input": {}, "config": config})


@scenario
def run_lax(s: Session) -> None:
    """Values that the reference takes although its contract does not know them."""
    s.wait(s.thread(), "steps", input={"text": "x"}, on_disconnect="nope")
    s.wait(None, "steps", input={"text": "x"}, on_completion="nope")


@scenario
def webhook(s: Session) -> None:
    s.run(s.thread(), "steps", input={"text": "x"}, webhook="nope")
    s.run(s.thread(), "steps", input={"text": "x"}, webhook="http://127.0.0.1:9/hook")


@scenario
def ids(s: Session) -> None:
    s.get("/threads/nope")
    s.get("/threads/nope/runs/nope")
    s.get("/threads/search")
    s.get(f"/threads/{s.mark}x")
