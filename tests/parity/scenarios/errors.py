"""Graphs that fail, seen in a stream."""

from __future__ import annotations

from typing import Any

from . import Session, scenario


def _fail(s: Session, mode: Any, text: str = "x") -> None:
    thread = s.thread()
    s.stream(thread, "failing", input={"text": text}, stream_mode=mode)


@scenario
def values(s: Session) -> None:
    _fail(s, "values")


@scenario
def several(s: Session) -> None:
    _fail(s, ["values", "updates", "tasks", "checkpoints", "debug"])


@scenario
def messages(s: Session) -> None:
    _fail(s, "messages")


@scenario
def events(s: Session) -> None:
    _fail(s, "events")


@scenario
def key_error(s: Session) -> None:
    _fail(s, "updates", "key")


@scenario
def own_class(s: Session) -> None:
    _fail(s, ["updates", "tasks"], "own")


@scenario
def recursion(s: Session) -> None:
    thread = s.thread()
    s.stream(thread, "endless", input={"text": "x"}, config={"recursion_limit": 3})
    s.get(f"/threads/{thread}")


@scenario
def no_input(s: Session) -> None:
    s.stream(s.thread(), "steps", input=None)
    s.stream(s.thread(), "steps")


@scenario
def wrong_input(s: Session) -> None:
    s.stream(s.thread(), "steps", input=5)
    s.stream(s.thread(), "typed", input={"item": 5})
    s.stream(s.thread(), "chat", input={"messages": 5})


@scenario
def then_retry(s: Session) -> None:
    """`input: null` tries the failed step again."""
    thread = s.thread()
    s.stream(thread, "failing", input={"text": "x"}, stream_mode="updates")
    s.stream(thread, "failing", input=None, stream_mode="updates")
    s.post(f"/threads/{thread}/state", {"values": {"text": "fine"}, "as_node": "first"})
    s.stream(thread, "failing", input=None, stream_mode="updates")
    s.get(f"/threads/{thread}")
