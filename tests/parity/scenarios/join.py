"""Streams of runs that somebody else started, and of whole threads."""

from __future__ import annotations

from typing import Any

from . import Session, scenario

NOBODY = "00000000-0000-0000-0000-000000000001"
MODES = ["values", "updates"]


def _nap(s: Session, seconds: float = 0.6, **options: Any) -> tuple[str, str]:
    thread = s.thread()
    run = s.run(thread, "slow", input={"seconds": seconds}, stream_mode=MODES, **options).run_id
    return thread, run


@scenario
def before(s: Session) -> None:
    """Joined while the run waits for another one of its thread: everything comes."""
    thread = s.thread()
    s.run(thread, "slow", input={"seconds": 0.5})
    run = s.run(thread, "steps", input={"text": "x"}, stream_mode=MODES).run_id
    s.get(f"/threads/{thread}/runs/{run}/stream")


@scenario
def during(s: Session) -> None:
    """Joined in the middle: what comes after that."""
    thread, run = _nap(s, 1.0)
    s.at(thread, "nap")
    s.get(f"/threads/{thread}/runs/{run}/stream")


@scenario
def after(s: Session) -> None:
    thread, run = _nap(s, 0.1)
    s.settle(thread)
    s.get(f"/threads/{thread}/runs/{run}/stream")


@scenario
def one_mode(s: Session) -> None:
    thread = s.thread()
    s.run(thread, "slow", input={"seconds": 0.5})
    run = s.run(thread, "steps", input={"text": "x"}, stream_mode=MODES).run_id
    s.get(f"/threads/{thread}/runs/{run}/stream?stream_mode=updates")


@scenario
def two_modes(s: Session) -> None:
    thread = s.thread()
    s.run(thread, "slow", input={"seconds": 0.5})
    run = s.run(thread, "steps", input={"text": "x"}, stream_mode=MODES).run_id
    s.get(f"/threads/{thread}/runs/{run}/stream?stream_mode=updates&stream_mode=values")


@scenario
def unknown(s: Session) -> None:
    thread = s.thread()
    s.get(f"/threads/{thread}/runs/{NOBODY}/stream")
    s.get(f"/threads/{thread}/runs/nope/stream")
    s.get(f"/threads/{NOBODY}/runs/{NOBODY}/stream")


@scenario
def of_an_error(s: Session) -> None:
    thread = s.thread()
    s.run(thread, "slow", input={"seconds": 0.5})
    run = s.run(thread, "failing", input={"text": "x"}).run_id
    s.get(f"/threads/{thread}/runs/{run}/stream")


@scenario
def of_an_interrupt(s: Session) -> None:
    thread = s.thread()
    s.run(thread, "slow", input={"seconds": 0.5})
    run = s.run(thread, "asking", input={"text": "x"}, stream_mode=MODES).run_id
    s.get(f"/threads/{thread}/runs/{run}/stream")


@scenario
def of_messages(s: Session) -> None:
    thread = s.thread()
    s.run(thread, "slow", input={"seconds": 0.5})
    hello = {"messages": [{"role": "user", "content": "hi", "id": "h1"}]}
    run = s.run(thread, "chat", input=hello, stream_mode=["messages", "values"]).run_id
    s.get(f"/threads/{thread}/runs/{run}/stream?stream_mode=messages")


@scenario
def two_readers(s: Session) -> None:
    """The one who started the run and the one who joined see the same."""
    thread = s.thread()
    s.run(thread, "slow", input={"seconds": 0.5})
    run = s.run(thread, "steps", input={"text": "x"}, stream_mode=MODES).run_id
    first = s.later("GET", f"/threads/{thread}/runs/{run}/stream")
    second = s.later("GET", f"/threads/{thread}/runs/{run}/stream")
    first.result()
    second.result()


@scenario
def resumable_after(s: Session) -> None:
    """A resumable run is replayed to whoever asks for what came after an id."""
    thread, run = _nap(s, 0.1, stream_resumable=True)
    s.settle(thread)
    path = f"/threads/{thread}/runs/{run}/stream"
    s.get(path)
    s.get(path, headers={"Last-Event-ID": "-1"})
    s.get(f"{path}?stream_mode=updates", headers={"Last-Event-ID": "-1"})


@scenario
def resumable_rest(s: Session) -> None:
    """From the third frame on."""
    thread = s.thread()
    events = s._send(
        "POST",
        f"/threads/{thread}/runs/stream",
        {"assistant_id": "slow", "input": {"seconds": 0.1}, "stream_mode": "values", "stream_resumable": True},
        None,
        None,
    )
    third = events.events[2]["id"]
    s.get(f"/threads/{thread}/runs/{events.run_id}/stream", headers={"Last-Event-ID": third})


@scenario
def thread_stream(s: Session) -> None:
    """All runs of a thread, one after the other, in one stream that stays open."""
    thread = s.thread()
    s.later_cut(f"/threads/{thread}/stream", frames=9)
    s.run(thread, "steps", input={"text": "x"}, stream_mode="values")
    s.settle(thread)
    s.run(thread, "limited", input={"question": "why"}, stream_mode="updates")
    s.join_cuts()


@scenario
def thread_stream_lifecycle(s: Session) -> None:
    thread = s.thread()
    s.later_cut(f"/threads/{thread}/stream?stream_modes=lifecycle", frames=2)
    s.run(thread, "steps", input={"text": "x"}, stream_mode=MODES)
    s.join_cuts()


@scenario
def thread_stream_run_modes(s: Session) -> None:
    thread = s.thread()
    s.later_cut(f"/threads/{thread}/stream?stream_modes=run_modes", frames=7)
    s.run(thread, "steps", input={"text": "x"}, stream_mode=MODES)
    s.join_cuts()


@scenario
def thread_stream_wrong(s: Session) -> None:
    s.get(f"/threads/{s.thread()}/stream?stream_modes=nope")
    s.get("/threads/nope/stream")
