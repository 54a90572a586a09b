"""A thread's state: read, update, history, forks."""

from __future__ import annotations

from . import Session, scenario

NOBODY = "00000000-0000-0000-0000-000000000001"


def _checkpoints(s: Session, thread: str) -> list[str]:
    """Newest first."""
    return [row["checkpoint_id"] for row in s.quiet("GET", f"/threads/{thread}/history?limit=100")]


@scenario
def empty(s: Session) -> None:
    thread = s.thread()
    s.get(f"/threads/{thread}/state")
    s.get(f"/threads/{thread}/history")
    s.get(f"/threads/{NOBODY}/state")
    s.get(f"/threads/{NOBODY}/history")
    s.get("/threads/nope/state")


@scenario
def after_a_run(s: Session) -> None:
    thread = s.thread(metadata={"mine": 1})
    s.done(thread, "steps", input={"text": "x"}, config={"configurable": {"foo": "bar"}}, metadata={"r": 1})
    s.get(f"/threads/{thread}/state")


@scenario
def at_checkpoint(s: Session) -> None:
    thread = s.thread()
    s.done(thread, "steps", input={"text": "x"})
    checkpoint = _checkpoints(s, thread)[1]
    s.get(f"/threads/{thread}/state/{checkpoint}")
    s.post(f"/threads/{thread}/state/checkpoint", {"checkpoint": {"checkpoint_id": checkpoint}})
    s.post(
        f"/threads/{thread}/state/checkpoint",
        {"checkpoint": {"thread_id": thread, "checkpoint_ns": "", "checkpoint_id": checkpoint}, "subgraphs": True},
    )


@scenario
def at_unknown_checkpoint(s: Session) -> None:
    thread = s.thread()
    s.done(thread, "steps", input={"text": "x"})
    s.get(f"/threads/{thread}/state/{NOBODY}")
    s.get(f"/threads/{thread}/state/nope")
    s.post(f"/threads/{thread}/state/checkpoint", {})


@scenario
def subgraphs(s: Session) -> None:
    thread = s.thread()
    s.done(thread, "nested_asking", input={"text": "x"})
    s.get(f"/threads/{thread}/state")
    s.get(f"/threads/{thread}/state?subgraphs=true")
    inner = s.quiet("GET", f"/threads/{thread}/state")["tasks"][0]["checkpoint"]
    s.post(f"/threads/{thread}/state/checkpoint", {"checkpoint": inner})


@scenario
def history(s: Session) -> None:
    thread = s.thread()
    s.done(thread, "steps", input={"text": "x"})
    s.get(f"/threads/{thread}/history?limit=10")
    s.post(f"/threads/{thread}/history", {"limit": 10})


@scenario
def history_default(s: Session) -> None:
    thread = s.thread()
    s.done(thread, "steps", input={"text": "x"})
    s.get(f"/threads/{thread}/history")
    s.post(f"/threads/{thread}/history", {})


@scenario
def history_before(s: Session) -> None:
    thread = s.thread()
    s.done(thread, "steps", input={"text": "x"})
    newest = _checkpoints(s, thread)[0]
    s.get(f"/threads/{thread}/history?limit=1&before={newest}")
    s.post(f"/threads/{thread}/history", {"limit": 1, "before": {"configurable": {"checkpoint_id": newest}}})


@scenario
def history_before_checkpoint(s: Session) -> None:
    """`before` as the contract's CheckpointConfig has it."""
    thread = s.thread()
    s.done(thread, "steps", input={"text": "x"})
    newest = _checkpoints(s, thread)[0]
    s.post(f"/threads/{thread}/history", {"limit": 1, "before": {"checkpoint_id": newest, "checkpoint_ns": ""}})


@scenario
def history_metadata(s: Session) -> None:
    thread = s.thread()
    s.done(thread, "steps", input={"text": "x"})
    s.post(f"/threads/{thread}/history", {"limit": 10, "metadata": {"source": "input"}})
    s.post(f"/threads/{thread}/history", {"limit": 10, "metadata": {"step": 1}})


@scenario
def history_subgraph(s: Session) -> None:
    thread = s.thread()
    s.done(thread, "nested_asking", input={"text": "x"})
    inner = s.quiet("GET", f"/threads/{thread}/state")["tasks"][0]["checkpoint"]
    s.post(f"/threads/{thread}/history", {"limit": 10, "checkpoint": inner})


@scenario
def history_wrong(s: Session) -> None:
    thread = s.thread()
    s.post(f"/threads/{thread}/history", {"limit": 0})
    s.post(f"/threads/{thread}/history", {"limit": 1001})
    s.post(f"/threads/{thread}/history", {"limit": "a"})
    s.post(f"/threads/{thread}/history", {"before": "nope"})
    s.get(f"/threads/{thread}/history?limit=a")


@scenario
def update(s: Session) -> None:
    thread = s.thread(metadata={"mine": 1})
    s.done(thread, "steps", input={"text": "x"})
    s.post(f"/threads/{thread}/state", {"values": {"text": "updated", "steps": ["more"]}})
    s.get(f"/threads/{thread}")
    s.get(f"/threads/{thread}/state")


@scenario
def update_as_node(s: Session) -> None:
    thread = s.thread()
    s.done(thread, "steps", input={"text": "x"})
    s.post(f"/threads/{thread}/state", {"values": {"text": "as first"}, "as_node": "first"})
    s.get(f"/threads/{thread}")
    s.get(f"/threads/{thread}/state")
    s.stream(thread, "steps", input=None, stream_mode=["values", "updates"])


@scenario
def update_at_checkpoint(s: Session) -> None:
    thread = s.thread()
    s.done(thread, "steps", input={"text": "x"})
    old = _checkpoints(s, thread)[2]
    s.post(f"/threads/{thread}/state", {"values": {"text": "forked"}, "checkpoint_id": old})
    s.post(
        f"/threads/{thread}/state",
        {
            "values": {"text": "forked too"},
            "checkpoint": {"checkpoint_id": old, "checkpoint_ns": ""},
            "as_node": "first",
        },
    )
    s.get(f"/threads/{thread}/history?limit=2")


@scenario
def update_nothing(s: Session) -> None:
    thread = s.thread()
    s.done(thread, "steps", input={"text": "x"})
    s.post(f"/threads/{thread}/state", {"values": None})
    s.post(f"/threads/{thread}/state", {})
    s.get(f"/threads/{thread}/state")


@scenario
def update_first(s: Session) -> None:
    """A thread that knows its graph but has no checkpoint yet."""
    thread = s.thread(metadata={"graph_id": "steps"})
    s.post(f"/threads/{thread}/state", {"values": {"text": "x"}})
    s.get(f"/threads/{thread}")
    s.wait(thread, "steps", input=None)


@scenario
def update_wrong(s: Session) -> None:
    thread = s.thread()
    s.done(thread, "steps", input={"text": "x"})
    s.post(f"/threads/{thread}/state", {"values": {"text": "x"}, "as_node": "nope"})
    s.post(f"/threads/{thread}/state", {"values": "nope"})
    s.post(f"/threads/{thread}/state", {"values": [{"text": "x"}]})
    s.post(f"/threads/{NOBODY}/state", {"values": {"text": "x"}})
    s.post(f"/threads/{s.thread()}/state", {"values": {"text": "x"}})


@scenario
def update_while_busy(s: Session) -> None:
    thread = s.thread()
    s.run(thread, "slow", input={"seconds": 0.5})
    s.post(f"/threads/{thread}/state", {"values": {"steps": ["x"]}})
    s.settle(thread)


@scenario
def update_at_interrupt(s: Session) -> None:
    """An update as the asking node answers for it: nothing is left to ask."""
    thread = s.thread()
    s.done(thread, "asking", input={"text": "x"})
    s.post(f"/threads/{thread}/state", {"values": {"answers": ["by update"]}, "as_node": "ask"})
    s.get(f"/threads/{thread}")
    s.get(f"/threads/{thread}/state")
    s.wait(thread, "asking", input=None)


@scenario
def update_messages(s: Session) -> None:
    thread = s.thread()
    s.done(thread, "fixed", input={"messages": [{"role": "user", "content": "hi", "id": "human-1"}]})
    s.post(
        f"/threads/{thread}/state",
        {"values": {"messages": [{"role": "assistant", "content": "replaced", "id": "canned-1"}]}, "as_node": "canned"},
    )
    s.get(f"/threads/{thread}/state")


@scenario
def fork(s: Session) -> None:
    """A run from an earlier checkpoint."""
    thread = s.thread()
    s.done(thread, "steps", input={"text": "x"})
    old = _checkpoints(s, thread)[1]
    s.stream(thread, "steps", input=None, checkpoint={"checkpoint_id": old}, stream_mode=["values", "updates"])
    s.get(f"/threads/{thread}/history?limit=3")


@scenario
def fork_checkpoint_id(s: Session) -> None:
    thread = s.thread()
    s.done(thread, "steps", input={"text": "x"})
    old = _checkpoints(s, thread)[2]
    s.wait(thread, "steps", input=None, checkpoint_id=old)
    s.wait(thread, "steps", input={"text": "y"}, config={"configurable": {"checkpoint_id": old}})
    s.get(f"/threads/{thread}/state")


@scenario
def fork_updated(s: Session) -> None:
    """Change the past, then run from there: time travel as the Studio does it."""
    thread = s.thread()
    s.done(thread, "steps", input={"text": "x"})
    old = _checkpoints(s, thread)[1]
    made = s.post(f"/threads/{thread}/state", {"values": {"text": "changed"}, "checkpoint_id": old}).json
    s.stream(thread, "steps", input=None, checkpoint=made["checkpoint"])


@scenario
def fork_unknown(s: Session) -> None:
    thread = s.thread()
    s.wait(thread, "steps", input={"text": "x"}, checkpoint={"checkpoint_id": NOBODY})
    s.wait(thread, "steps", input={"text": "x"}, checkpoint_id="nope")
