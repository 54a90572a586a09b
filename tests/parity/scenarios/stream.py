"""Streams frame by frame: every mode alone and combined."""

from __future__ import annotations

from typing import Any

from . import Session, scenario

HELLO = {"messages": [{"role": "user", "content": "hi all", "id": "h1"}]}


def _chat(s: Session, mode: Any, **options: Any) -> None:
    s.stream(s.thread(), "chat", input=HELLO, stream_mode=mode, **options)


@scenario
def default(s: Session) -> None:
    s.stream(s.thread(), "steps", input={"text": "x"})


@scenario
def values(s: Session) -> None:
    _chat(s, "values")


@scenario
def messages(s: Session) -> None:
    _chat(s, "messages")


@scenario
def messages_tuple(s: Session) -> None:
    _chat(s, "messages-tuple")


@scenario
def updates(s: Session) -> None:
    _chat(s, "updates")


@scenario
def events(s: Session) -> None:
    _chat(s, "events")


@scenario
def debug(s: Session) -> None:
    _chat(s, "debug")


@scenario
def tasks(s: Session) -> None:
    _chat(s, "tasks")


@scenario
def checkpoints(s: Session) -> None:
    _chat(s, "checkpoints")


@scenario
def custom(s: Session) -> None:
    s.stream(s.thread(), "custom", input={"text": "x"}, stream_mode="custom")


@scenario
def custom_with_updates(s: Session) -> None:
    s.stream(s.thread(), "custom", input={"text": "x"}, stream_mode=["custom", "updates"])


@scenario
def custom_nobody_asked(s: Session) -> None:
    s.stream(s.thread(), "custom", input={"text": "x"}, stream_mode="updates")


@scenario
def values_messages_updates(s: Session) -> None:
    _chat(s, ["values", "messages", "updates"])


@scenario
def messages_and_tuple(s: Session) -> None:
    _chat(s, ["messages", "messages-tuple"])


@scenario
def all_but_events(s: Session) -> None:
    _chat(s, ["values", "messages", "updates", "custom", "tasks", "debug", "checkpoints"])


@scenario
def events_and_others(s: Session) -> None:
    _chat(s, ["events", "values", "messages", "updates"])


@scenario
def events_and_tuple(s: Session) -> None:
    _chat(s, ["events", "messages-tuple"])


@scenario
def debug_and_steps(s: Session) -> None:
    s.stream(s.thread(), "steps", input={"text": "x"}, stream_mode=["debug", "updates", "values"])


@scenario
def tasks_and_checkpoints(s: Session) -> None:
    s.stream(s.thread(), "steps", input={"text": "x"}, stream_mode=["tasks", "checkpoints"])


@scenario
def second_turn(s: Session) -> None:
    """Messages of earlier turns are not streamed again."""
    thread = s.thread()
    s.done(thread, "chat", input=HELLO)
    s.stream(
        thread,
        "chat",
        input={"messages": [{"role": "user", "content": "more", "id": "h2"}]},
        stream_mode=["messages", "values"],
    )


@scenario
def fixed_messages(s: Session) -> None:
    s.stream(s.thread(), "fixed", input=HELLO, stream_mode="messages")
    s.stream(s.thread(), "fixed", input=HELLO, stream_mode="messages-tuple")


@scenario
def blocks_messages(s: Session) -> None:
    s.stream(s.thread(), "blocks", input=HELLO, stream_mode="messages")


@scenario
def blocks_tuple(s: Session) -> None:
    s.stream(s.thread(), "blocks", input=HELLO, stream_mode="messages-tuple")


@scenario
def hidden_messages(s: Session) -> None:
    """A model tagged `nostream`, one with tags and metadata of its own, and messages that are removed."""
    s.stream(s.thread(), "doubled", input=HELLO, stream_mode=["messages", "updates", "values"])


@scenario
def hidden_tuple(s: Session) -> None:
    s.stream(s.thread(), "doubled", input=HELLO, stream_mode=["messages-tuple", "values"])


@scenario
def limited(s: Session) -> None:
    s.stream(s.thread(), "limited", input={"question": "why"}, stream_mode=["values", "updates", "checkpoints", "tasks"])


@scenario
def typed(s: Session) -> None:
    s.stream(s.thread(), "typed", input={"item": "x"}, stream_mode=["values", "updates", "tasks", "debug"])


@scenario
def fanout(s: Session) -> None:
    """Tasks of one step end in any order; what they sum up to does not depend on it."""
    s.stream(s.thread(), "fanout", input={"items": ["a", "b", "c"]}, stream_mode=["updates", "values"], unordered=("events",))


@scenario
def goto(s: Session) -> None:
    s.stream(s.thread(), "routes", input={"text": "left"}, stream_mode=["values", "updates", "tasks"])


@scenario
def command_goto(s: Session) -> None:
    thread = s.thread()
    s.done(thread, "routes", input={"text": "left"})
    s.stream(thread, "routes", command={"goto": "right", "update": {"text": "commanded"}}, stream_mode=["values", "updates"])


@scenario
def configured(s: Session) -> None:
    """Tags, metadata and run name of the configuration show where the reference shows them."""
    s.stream(
        s.thread(metadata={"t": 1}),
        "chat",
        input=HELLO,
        stream_mode=["messages-tuple", "tasks"],
        config={"tags": ["tag"], "metadata": {"c": 1}, "run_name": "named", "configurable": {"foo": "bar", "n": 3}},
        metadata={"r": 1},
    )


@scenario
def durability_exit(s: Session) -> None:
    s.stream(s.thread(), "steps", input={"text": "x"}, stream_mode=["values", "checkpoints"], durability="exit")


@scenario
def durability_sync(s: Session) -> None:
    s.stream(s.thread(), "steps", input={"text": "x"}, stream_mode=["values", "checkpoints"], durability="sync")


@scenario
def feedback_keys(s: Session) -> None:
    s.stream(s.thread(), "steps", input={"text": "x"}, feedback_keys=["quality"])


@scenario
def heartbeat(s: Session) -> None:
    """Five seconds of silence are filled with a comment."""
    s.post(f"/threads/{s.thread()}/runs/stream", {"assistant_id": "slow", "input": {"seconds": 5.5}}, comments=True)


@scenario
def resumable(s: Session) -> None:
    """Frames of a resumable run carry ids."""
    s.stream(s.thread(), "steps", input={"text": "x"}, stream_resumable=True, stream_mode=["values", "updates"])


@scenario
def unknown_mode(s: Session) -> None:
    for mode in ("nope", "tools", ["values", "nope"], [], 5):
        s.stream(s.thread(), "steps", input={"text": "x"}, stream_mode=mode)


@scenario
def memory(s: Session) -> None:
    s.stream(s.thread(), "memory", input={"key": s.mark, "text": "x"}, stream_mode=["values", "updates"])
