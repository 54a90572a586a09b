"""The thread-centric protocol over HTTP: commands, and the events of a thread."""

from __future__ import annotations

import uuid
from typing import Any

from . import Session, scenario

NOBODY = "00000000-0000-0000-0000-000000000001"
HELLO = {"messages": [{"role": "user", "content": "hi", "id": "h1"}]}


def _command(s: Session, thread: str, method: str, **params: Any) -> Any:
    return s.post(f"/threads/{thread}/commands", {"id": 1, "method": method, "params": params}).json


def _start(s: Session, graph: str, input: Any, thread: str | None = None, **params: Any) -> str:
    """Run a graph on a thread, to its end."""
    thread = thread or s.thread()
    _command(s, thread, "run.start", assistant_id=graph, input=input, **params)
    s.until(lambda: all(run["status"] not in ("pending", "running") for run in s.quiet("GET", f"/threads/{thread}/runs")))
    s.settle(thread)
    return thread


def _events(s: Session, thread: str, *channels: str, frames: int, **more: Any) -> list[dict[str, Any]]:
    reply = s.cut("POST", f"/threads/{thread}/stream/events", {"channels": list(channels), **more}, lines=frames)
    return [event["data"] for event in reply.events]


@scenario
def text(s: Session) -> None:
    thread = _start(s, "chat", HELLO)
    _events(s, thread, "messages", "lifecycle", frames=9)
    s.get(f"/threads/{thread}")


@scenario
def blocks(s: Session) -> None:
    _events(s, _start(s, "blocks", HELLO), "messages", frames=10)


@scenario
def new_thread(s: Session) -> None:
    """`run.start` makes the thread."""
    thread = str(uuid.uuid4())
    _start(s, "steps", {"text": "x"}, thread)
    _events(s, thread, "values", "lifecycle", frames=5)
    s.get(f"/threads/{thread}")


@scenario
def values(s: Session) -> None:
    """Two runs of a thread, one behind the other."""
    thread = _start(s, "steps", {"text": "x"})
    _start(s, "limited", {"question": "why"}, thread)
    _events(s, thread, "values", "lifecycle", frames=10)


@scenario
def subgraphs(s: Session) -> None:
    thread = _start(s, "nested", {"text": "x"})
    _events(s, thread, "values", "lifecycle", frames=14)
    _events(s, thread, "values", namespaces=[["middle"]], frames=5)
    _events(s, thread, "values", namespaces=[["middle"]], depth=0, frames=3)
    _events(s, thread, "values", namespaces=[[]], depth=0, frames=3)
    _events(s, thread, "values", namespaces=[["middle", "inner"], []], depth=0, frames=5)
    _events(s, thread, "values", namespaces=[], frames=8)


@scenario
def tools(s: Session) -> None:
    _events(s, _start(s, "agent", {"messages": "1 + 2"}), "tools", "lifecycle", frames=4)


@scenario
def failing(s: Session) -> None:
    thread = _start(s, "failing", {"text": "x"})
    _events(s, thread, "values", "lifecycle", frames=4)
    s.get(f"/threads/{thread}")


@scenario
def failing_subgraph(s: Session) -> None:
    _events(s, _start(s, "failing_in_graph", {"text": "x"}), "values", "lifecycle", frames=7)


def _respond(s: Session, thread: str, **params: Any) -> None:
    _command(s, thread, "input.respond", **params)
    s.until(lambda: all(run["status"] not in ("pending", "running") for run in s.quiet("GET", f"/threads/{thread}/runs")))


@scenario
def interrupt(s: Session) -> None:
    thread = _start(s, "asking", {"text": "x"})
    [asked] = [event for event in _events(s, thread, "input", "lifecycle", frames=3) if event["method"] == "input.requested"]
    _command(s, thread, "input.respond", namespace=[], interrupt_id="nope", response="Ann")
    _respond(s, thread, namespace=[], interrupt_id=asked["params"]["data"]["interrupt_id"], response="Ann")
    s.get(f"/threads/{thread}")


@scenario
def interrupt_in_subgraph(s: Session) -> None:
    thread = _start(s, "nested_asking", {"text": "x"})
    [asked] = _events(s, thread, "input", frames=1)
    namespace, data = asked["params"]["namespace"], asked["params"]["data"]
    _respond(s, thread, namespace=namespace, interrupt_id=data["interrupt_id"], response="Ann")
    s.get(f"/threads/{thread}")


@scenario
def interrupts(s: Session) -> None:
    """Two at once, answered in one command."""
    thread = _start(s, "parallel", {"text": "x"})
    asked = [event["params"]["data"] for event in _events(s, thread, "input", frames=2)]
    answers = {"first?": "one", "second?": "two"}
    responses = [{"namespace": [], "interrupt_id": one["interrupt_id"], "response": answers[one["payload"]]} for one in asked]
    _respond(s, thread, responses=responses)
    s.get(f"/threads/{thread}")


@scenario
def fork(s: Session) -> None:
    thread = _start(s, "steps", {"text": "x"})
    history = s.quiet("POST", f"/threads/{thread}/history", {"limit": 10})
    first = history[-1]["checkpoint_id"]
    _start(s, "steps", {"text": "y"}, thread, config={"configurable": {"checkpoint_id": first}})
    _events(s, thread, "values", "lifecycle", frames=10)


@scenario
def classic_run(s: Session) -> None:
    """A run that the classic API started, watched through the protocol."""
    thread = s.thread()
    s.run(thread, "steps", input={"text": "x"}, stream_mode=["values", "updates"], stream_resumable=True)
    s.settle(thread)
    _events(s, thread, "values", "updates", "lifecycle", frames=7)


@scenario
def malformed(s: Session) -> None:
    path = f"/threads/{s.thread()}/commands"
    for raw in ("{", "[]", "{}", '{"id": 1}', '{"id": "a", "method": "run.start"}', '{"id": 1.5, "method": "run.start"}'):
        s.post(path, raw=raw)
    s.post(path, {"id": 1, "method": "nope"})
    s.post(path, {"id": 1, "method": "run.start"})
    s.post(path, {"id": 1, "method": "run.start", "params": {"assistant_id": NOBODY}})
    s.post(path, {"id": 1, "method": "run.start", "params": {"assistant_id": "steps", "metadata": 5}})


@scenario
def wrong_subscriptions(s: Session) -> None:
    path = f"/threads/{s.thread()}/stream/events"
    for body in ({}, {"channels": []}, {"channels": ["nope"]}, {"channels": ["debug"]}, {"channels": ["custom:"]}):
        s.post(path, body)
    s.post(path, raw="{")
