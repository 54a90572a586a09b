"""Interrupts that a graph asks for, that a client asks for, several at once; and resuming."""

from __future__ import annotations

from typing import Any

from . import Session, scenario

MODES = ["values", "updates"]


@scenario
def dynamic(s: Session) -> None:
    thread = s.thread()
    s.stream(thread, "asking", input={"text": "x"}, stream_mode=MODES)
    s.get(f"/threads/{thread}")
    s.get(f"/threads/{thread}/state")
    s.get(f"/threads/{thread}/runs?select=status")


@scenario
def dynamic_modes(s: Session) -> None:
    for mode in ("values", "updates", "messages", "tasks", "debug", "checkpoints", "events"):
        s.stream(s.thread(), "asking", input={"text": "x"}, stream_mode=mode)


@scenario
def resume(s: Session) -> None:
    thread = s.thread()
    s.wait(thread, "asking", input={"text": "x"})
    s.stream(thread, "asking", command={"resume": "Ann"}, stream_mode=MODES)
    s.stream(thread, "asking", command={"resume": 5}, stream_mode=MODES)
    s.get(f"/threads/{thread}")
    s.get(f"/threads/{thread}/history?limit=10")


@scenario
def resume_wait(s: Session) -> None:
    thread = s.thread()
    s.wait(thread, "asking", input={"text": "x"})
    s.wait(thread, "asking", command={"resume": {"first": "Ann", "last": None}})
    s.wait(thread, "asking", command={"resume": False})


@scenario
def resume_by_id(s: Session) -> None:
    thread = s.thread()
    asked = s.wait(thread, "asking", input={"text": "x"}).json["__interrupt__"][0]["id"]
    s.wait(thread, "asking", command={"resume": {asked: "Ann"}})


@scenario
def resume_and_update(s: Session) -> None:
    thread = s.thread()
    s.wait(thread, "asking", input={"text": "x"})
    s.wait(thread, "asking", command={"resume": "Ann", "update": {"answers": ["updated"]}})


@scenario
def resume_nothing(s: Session) -> None:
    """A thread that asks nothing."""
    thread = s.thread()
    s.done(thread, "steps", input={"text": "x"})
    s.wait(thread, "steps", command={"resume": "Ann"})
    s.wait(s.thread(), "asking", command={"resume": "Ann"})


@scenario
def new_input_instead(s: Session) -> None:
    """Input to a thread that asks starts over."""
    thread = s.thread()
    s.wait(thread, "asking", input={"text": "x"})
    s.wait(thread, "asking", input={"text": "y"})
    s.get(f"/threads/{thread}/state")


@scenario
def parallel(s: Session) -> None:
    thread = s.thread()
    s.stream(thread, "parallel", input={"text": "x"}, stream_mode=MODES, unordered=("events",))
    s.get(f"/threads/{thread}")
    s.get(f"/threads/{thread}/state")


@scenario
def parallel_resume(s: Session) -> None:
    thread = s.thread()
    s.done(thread, "parallel", input={"text": "x"})
    tasks = s.quiet("GET", f"/threads/{thread}/state")["tasks"]
    asked = {task["name"]: task["interrupts"][0]["id"] for task in tasks}
    s.stream(thread, "parallel", command={"resume": {asked["one"]: "A"}}, stream_mode=MODES)
    s.get(f"/threads/{thread}")
    s.stream(thread, "parallel", command={"resume": {asked["two"]: "B"}}, stream_mode=MODES)
    s.get(f"/threads/{thread}")


@scenario
def parallel_resume_together(s: Session) -> None:
    thread = s.thread()
    s.done(thread, "parallel", input={"text": "x"})
    tasks = s.quiet("GET", f"/threads/{thread}/state")["tasks"]
    asked = {task["name"]: task["interrupts"][0]["id"] for task in tasks}
    s.wait(thread, "parallel", command={"resume": {asked["one"]: "A", asked["two"]: "B"}})


@scenario
def parallel_resume_ambiguous(s: Session) -> None:
    """One bare answer to two questions."""
    thread = s.thread()
    s.done(thread, "parallel", input={"text": "x"})
    s.wait(thread, "parallel", command={"resume": "A"})


@scenario
def nested(s: Session) -> None:
    thread = s.thread()
    s.wait(thread, "nested_asking", input={"text": "x"})
    s.get(f"/threads/{thread}")
    s.wait(thread, "nested_asking", command={"resume": "yes"})
    s.get(f"/threads/{thread}")


def _static(s: Session, **options: Any) -> str:
    thread = s.thread()
    s.stream(thread, "steps", input={"text": "x"}, stream_mode=MODES, **options)
    s.get(f"/threads/{thread}")
    s.get(f"/threads/{thread}/state")
    return thread


@scenario
def static_before(s: Session) -> None:
    thread = _static(s, interrupt_before=["second"])
    s.stream(thread, "steps", input=None, stream_mode=MODES)
    s.get(f"/threads/{thread}")


@scenario
def static_after(s: Session) -> None:
    thread = _static(s, interrupt_after=["first"])
    s.wait(thread, "steps", input=None)


@scenario
def static_all(s: Session) -> None:
    thread = _static(s, interrupt_before="*")
    s.stream(thread, "steps", input=None, stream_mode=MODES, interrupt_before="*")
    s.stream(thread, "steps", input=None, stream_mode=MODES, interrupt_after="*")


@scenario
def static_modes(s: Session) -> None:
    for mode in ("values", "updates", "tasks", "debug", "checkpoints", "messages", "events"):
        s.stream(s.thread(), "steps", input={"text": "x"}, stream_mode=mode, interrupt_before=["second"])


@scenario
def static_wait(s: Session) -> None:
    thread = s.thread()
    s.wait(thread, "steps", input={"text": "x"}, interrupt_after=["first"])
    s.wait(thread, "steps")


@scenario
def static_unknown_node(s: Session) -> None:
    s.wait(s.thread(), "steps", input={"text": "x"}, interrupt_before=["nope"])


@scenario
def approval(s: Session) -> None:
    """A person approves a tool call."""
    thread = s.thread()
    s.stream(thread, "approval", input={"messages": [{"role": "user", "content": "2 + 3", "id": "h1"}]}, stream_mode=MODES)
    s.get(f"/threads/{thread}")
    s.stream(thread, "approval", command={"resume": {"decisions": [{"type": "approve"}]}}, stream_mode=MODES)


@scenario
def approval_refused(s: Session) -> None:
    thread = s.thread()
    s.done(thread, "approval", input={"messages": [{"role": "user", "content": "2 + 3", "id": "h1"}]})
    refusal = {"decisions": [{"type": "reject", "message": "No."}]}
    s.stream(thread, "approval", command={"resume": refusal}, stream_mode=MODES)
