"""Streams of a graph in a graph in a graph."""

from __future__ import annotations

from typing import Any

from . import Session, scenario


def _nested(s: Session, mode: Any, shown: bool = True) -> None:
    s.stream(s.thread(), "nested", input={"text": "x"}, stream_mode=mode, stream_subgraphs=shown)


@scenario
def values(s: Session) -> None:
    _nested(s, "values")


@scenario
def updates(s: Session) -> None:
    _nested(s, "updates")


@scenario
def tasks(s: Session) -> None:
    _nested(s, "tasks")


@scenario
def checkpoints(s: Session) -> None:
    _nested(s, "checkpoints")


@scenario
def debug(s: Session) -> None:
    _nested(s, "debug")


@scenario
def custom(s: Session) -> None:
    _nested(s, "custom")


@scenario
def custom_hidden(s: Session) -> None:
    _nested(s, "custom", shown=False)


@scenario
def several(s: Session) -> None:
    _nested(s, ["values", "updates", "custom"])


@scenario
def several_hidden(s: Session) -> None:
    _nested(s, ["values", "updates", "custom"], shown=False)


@scenario
def events(s: Session) -> None:
    _nested(s, "events")


@scenario
def events_and_updates(s: Session) -> None:
    _nested(s, ["events", "updates"])


@scenario
def messages(s: Session) -> None:
    """A chat inside a graph, seen from outside, with and without subgraphs."""
    hello = {"messages": [{"role": "user", "content": "hi", "id": "h1"}]}
    for shown in (True, False):
        s.stream(s.thread(), "chat_in_graph", input=hello, stream_mode="messages", stream_subgraphs=shown)


@scenario
def messages_tuple(s: Session) -> None:
    hello = {"messages": [{"role": "user", "content": "hi", "id": "h1"}]}
    for shown in (True, False):
        s.stream(s.thread(), "chat_in_graph", input=hello, stream_mode="messages-tuple", stream_subgraphs=shown)


@scenario
def several_with_messages(s: Session) -> None:
    hello = {"messages": [{"role": "user", "content": "hi", "id": "h1"}]}
    s.stream(
        s.thread(),
        "chat_in_graph",
        input=hello,
        stream_mode=["values", "messages", "updates"],
        stream_subgraphs=True,
    )


@scenario
def interrupted(s: Session) -> None:
    thread = s.thread()
    options: dict[str, Any] = {"stream_mode": ["values", "updates", "tasks"], "stream_subgraphs": True}
    s.stream(thread, "nested_asking", input={"text": "x"}, **options)
    s.get(f"/threads/{thread}")
    s.stream(thread, "nested_asking", command={"resume": "yes"}, **options)


@scenario
def failing(s: Session) -> None:
    s.stream(
        s.thread(),
        "failing_in_graph",
        input={"text": "x"},
        stream_mode=["values", "updates", "tasks"],
        stream_subgraphs=True,
    )
