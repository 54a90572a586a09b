"""An agent that calls tools."""

from __future__ import annotations

from typing import Any

from . import Session, scenario

ONE = {"messages": [{"role": "user", "content": "2 + 3", "id": "h1"}]}
TWO = {"messages": [{"role": "user", "content": "2 + 3 and 4 + 5", "id": "h1"}]}


def _agent(s: Session, mode: Any, question: dict[str, Any] = ONE, **options: Any) -> None:
    s.stream(s.thread(), "agent", input=question, stream_mode=mode, **options)


@scenario
def messages(s: Session) -> None:
    _agent(s, "messages")


@scenario
def messages_tuple(s: Session) -> None:
    _agent(s, "messages-tuple")


@scenario
def values(s: Session) -> None:
    _agent(s, "values")


@scenario
def updates(s: Session) -> None:
    _agent(s, "updates")


@scenario
def messages_updates(s: Session) -> None:
    _agent(s, ["messages", "updates"])


@scenario
def debug(s: Session) -> None:
    _agent(s, ["debug", "tasks"])


@scenario
def two_calls(s: Session) -> None:
    """Two tools at once: their messages come in any order."""
    _agent(s, ["updates"], TWO, unordered=("events",))


@scenario
def wait(s: Session) -> None:
    thread = s.thread()
    s.wait(thread, "agent", input=ONE)
    s.wait(thread, "agent", input={"messages": [{"role": "user", "content": "No sum here", "id": "h2"}]})
    s.get(f"/threads/{thread}/state")


@scenario
def subgraphs(s: Session) -> None:
    _agent(s, ["updates", "messages-tuple"], stream_subgraphs=True)
