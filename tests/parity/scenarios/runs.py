"""Runs on a thread: create, wait, list, read, delete, what goes wrong."""

from __future__ import annotations

from . import Session, scenario

NOBODY = "00000000-0000-0000-0000-000000000001"


@scenario
def create(s: Session) -> None:
    thread = s.thread()
    run = s.run(thread, "steps", input={"text": "x"})
    s.settle(thread)
    s.get(f"/threads/{thread}/runs/{run.run_id}/join")
    s.get(f"/threads/{thread}")


@scenario
def get_after_end(s: Session) -> None:
    thread = s.thread()
    run = s.run(thread, "steps", input={"text": "x"})
    s.settle(thread)
    s.get(f"/threads/{thread}/runs/{run.run_id}")


@scenario
def create_options(s: Session) -> None:
    """How each option shows in `kwargs`."""
    thread = s.thread()
    s.run(
        thread,
        "steps",
        input={"text": "x"},
        metadata={"m": 1},
        config={"tags": ["t"], "recursion_limit": 11, "configurable": {"c": 1}},
        stream_mode=["values", "updates"],
        stream_subgraphs=True,
        interrupt_before=["second"],
        interrupt_after=["first"],
        durability="sync",
    )
    s.run(thread, "steps", input={"text": "x"}, stream_mode="updates", interrupt_before="*", durability="exit")
    s.run(thread, "steps", input={"text": "x"}, checkpoint_during=False)
    s.run(thread, "steps", command={"goto": "second", "update": {"text": "y"}})
    s.settle(thread)


@scenario
def create_on_new_thread(s: Session) -> None:
    """`if_not_exists: create` makes the thread."""
    s.wait(s.mark, "steps", input={"text": "x"}, if_not_exists="create", metadata={"m": 1})
    s.get(f"/threads/{s.mark}")
    s.wait(NOBODY, "steps", input={"text": "x"}, if_not_exists="reject")


@scenario
def create_unknown(s: Session) -> None:
    thread = s.thread()
    for how in ("", "/wait", "/stream"):
        s.post(f"/threads/{thread}/runs{how}", {"assistant_id": "nope", "input": {}})
        s.post(f"/threads/{thread}/runs{how}", {"assistant_id": NOBODY, "input": {}})
        s.post(f"/threads/{NOBODY}/runs{how}", {"assistant_id": "steps", "input": {}})
        s.post(f"/threads/nope/runs{how}", {"assistant_id": "steps", "input": {}})
        s.post(f"/threads/{thread}/runs{how}", {"input": {}})


@scenario
def wait(s: Session) -> None:
    thread = s.thread()
    s.wait(thread, "steps", input={"text": "x"})
    s.wait(thread, "steps", input={"text": "y"})
    s.get(f"/threads/{thread}/runs?select=status&select=multitask_strategy")


@scenario
def wait_modes(s: Session) -> None:
    """What `wait` answers does not depend on the stream mode; an output schema does limit it."""
    s.wait(s.thread(), "limited", input={"question": "why"})
    s.wait(s.thread(), "steps", input={"text": "x"}, stream_mode="updates")
    s.wait(s.thread(), "steps", input={"text": "x"}, stream_mode=["messages", "custom"])
    s.wait(s.thread(), "nested", input={"text": "x"}, stream_mode=["values", "updates"], stream_subgraphs=True)


@scenario
def wait_modes_limited(s: Session) -> None:
    s.wait(s.thread(), "limited", input={"question": "why"}, stream_mode="updates")


@scenario
def wait_error(s: Session) -> None:
    thread = s.thread()
    s.wait(thread, "failing", input={"text": "x"})
    s.get(f"/threads/{thread}/runs?select=status")
    s.wait(thread, "failing", input={"text": "key"})
    s.wait(thread, "endless", input={}, config={"recursion_limit": 3})


@scenario
def wait_error_own_class(s: Session) -> None:
    thread = s.thread()
    s.wait(thread, "failing", input={"text": "own"})
    s.get(f"/threads/{thread}")


@scenario
def wait_inputs(s: Session) -> None:
    """Inputs that a graph cannot take."""
    s.wait(s.thread(), "steps", input=None)
    s.wait(s.thread(), "steps", input={})
    s.wait(s.thread(), "steps", input={"unknown": 1})
    s.wait(s.thread(), "steps", input=5)
    s.wait(s.thread(), "steps", input="text")
    s.wait(s.thread(), "typed", input={"item": "x"})
    s.wait(s.thread(), "typed", input={"item": 5})
    s.wait(s.thread(), "chat", input={"messages": [{"role": "nobody", "content": "x"}]})


@scenario
def wait_kept_alive(s: Session) -> None:
    """A wait longer than the keep-alive period is still one JSON document."""
    s.wait(s.thread(), "slow", input={"seconds": 5.2})


@scenario
def enqueue(s: Session) -> None:
    """Runs sent at once to one thread run one after the other, in their order, and keep everything."""
    thread = s.thread()
    last = [s.run(thread, "chat", input={"messages": [{"role": "user", "content": f"{n}", "id": f"h{n}"}]}) for n in range(3)]
    s.get(f"/threads/{thread}/runs/{last[-1].run_id}/join")
    s.settle(thread)
    s.get(f"/threads/{thread}/runs?select=run_id&select=status")


@scenario
def list_runs(s: Session) -> None:
    thread = s.thread()
    for text in ("a", "own", "fine"):
        s.done(thread, "failing", input={"text": text}, metadata={"text": text})
    path = f"/threads/{thread}/runs"
    s.get(path)
    s.get(f"{path}?select=run_id&select=status")
    s.get(f"{path}?limit=1&select=metadata")
    s.get(f"{path}?limit=1&offset=1&select=metadata")
    s.get(f"{path}?status=error&select=metadata")
    s.get(f"{path}?status=success&select=metadata")
    s.get(f"{path}?status=pending&select=metadata")


@scenario
def list_wrong(s: Session) -> None:
    path = f"/threads/{s.thread()}/runs"
    s.get(f"{path}?select=nope")
    s.get(f"{path}?select=run_id,status")
    s.get(f"{path}?status=nope")
    s.get(f"{path}?limit=nope")
    s.get(f"/threads/{NOBODY}/runs")
    s.get("/threads/nope/runs")


@scenario
def get_unknown(s: Session) -> None:
    thread, other = s.thread(), s.thread()
    run = s.run(thread, "steps", input={"text": "x"}).run_id
    s.settle(thread)
    s.get(f"/threads/{thread}/runs/{NOBODY}")
    s.get(f"/threads/{thread}/runs/nope")
    s.get(f"/threads/{other}/runs/{run}")
    s.delete(f"/threads/{other}/runs/{run}")
    s.delete(f"/threads/{thread}/runs/{NOBODY}")


@scenario
def delete(s: Session) -> None:
    thread = s.thread()
    run = s.run(thread, "steps", input={"text": "x"}).run_id
    s.settle(thread)
    s.delete(f"/threads/{thread}/runs/{run}")
    s.get(f"/threads/{thread}/runs/{run}")
    s.delete(f"/threads/{thread}/runs/{run}")
    s.get(f"/threads/{thread}/runs")
    s.get(f"/threads/{thread}")


@scenario
def join(s: Session) -> None:
    thread = s.thread()
    run = s.run(thread, "slow", input={"seconds": 0.4}).run_id
    s.get(f"/threads/{thread}/runs/{run}/join")
    s.settle(thread)
    s.get(f"/threads/{thread}/runs/{run}/join")


@scenario
def join_error(s: Session) -> None:
    thread = s.thread()
    run = s.run(thread, "failing", input={"text": "x"}).run_id
    s.settle(thread)
    s.get(f"/threads/{thread}/runs/{run}/join")


@scenario
def join_interrupted(s: Session) -> None:
    thread = s.thread()
    run = s.run(thread, "asking", input={"text": "x"}).run_id
    s.settle(thread)
    s.get(f"/threads/{thread}/runs/{run}/join")


@scenario
def join_limited(s: Session) -> None:
    thread = s.thread()
    run = s.run(thread, "limited", input={"question": "why"}).run_id
    s.settle(thread)
    s.get(f"/threads/{thread}/runs/{run}/join")


@scenario
def join_unknown(s: Session) -> None:
    thread = s.thread()
    s.get(f"/threads/{thread}/runs/{NOBODY}/join")
    s.get(f"/threads/{thread}/runs/nope/join")


@scenario
def command_goto(s: Session) -> None:
    thread = s.thread()
    s.wait(thread, "routes", input={"text": "left"})
    s.wait(thread, "routes", command={"goto": "right"})
    s.wait(thread, "routes", command={"goto": "left", "update": {"steps": ["updated"]}})
    s.get(f"/threads/{thread}/state")


@scenario
def command_send(s: Session) -> None:
    thread = s.thread()
    s.done(thread, "fanout", input={"items": ["a"]})
    s.wait(thread, "fanout", command={"goto": {"node": "work", "input": {"item": "z"}}})
    s.wait(thread, "fanout", command={"goto": [{"node": "work", "input": {"item": "y"}}]})


@scenario
def command_update(s: Session) -> None:
    thread = s.thread()
    s.wait(thread, "steps", input={"text": "x"}, interrupt_before=["second"])
    s.wait(thread, "steps", command={"update": {"text": "changed"}})
    s.wait(s.thread(), "steps", command={"update": {"text": "changed"}})


@scenario
def command_wrong(s: Session) -> None:
    thread = s.thread()
    s.run(thread, "steps", command={"goto": 5})
    s.run(thread, "steps", command="resume")
    s.run(thread, "steps", command={"update": "x"})


@scenario
def graphs(s: Session) -> None:
    """Builder, factory, context manager: all run the same."""
    s.wait(s.thread(), "builder", input={"text": "x"})
    s.wait(s.thread(), "factory", input={"text": "x"})
    s.wait(s.thread(), "managed", input={"key": s.mark, "text": "x"})


@scenario
def memory(s: Session) -> None:
    """What one thread put into the store, another finds."""
    s.wait(s.thread(), "memory", input={"key": s.mark, "text": "one"})
    s.wait(s.thread(), "memory", input={"key": s.mark, "text": "two"})


@scenario
def durability_exit(s: Session) -> None:
    thread = s.thread()
    s.wait(thread, "steps", input={"text": "x"}, durability="exit")
    s.get(f"/threads/{thread}/history?limit=10")


@scenario
def durability_sync(s: Session) -> None:
    thread = s.thread()
    s.wait(thread, "steps", input={"text": "x"}, durability="sync")
    s.get(f"/threads/{thread}/history?limit=1")


@scenario
def context_and_configurable(s: Session) -> None:
    s.run(s.thread(), "configured", input={}, context={"tone": "a"}, config={"configurable": {"tone": "b"}})


@scenario
def conversation(s: Session) -> None:
    """Three turns of a chat; messages by role, by type and as a bare text."""
    thread = s.thread()
    s.wait(thread, "chat", input={"messages": [{"role": "user", "content": "one", "id": "h1"}]})
    s.wait(thread, "chat", input={"messages": [{"type": "human", "content": "two", "id": "h2"}]})
    s.wait(thread, "chat", input={"messages": "three"})
