"""Runs without a thread of one's own."""

from __future__ import annotations

from . import Session, scenario


def _gone(s: Session, thread: str) -> bool:
    return s._send("GET", f"/threads/{thread}", ..., None, None).status == 404


@scenario
def create(s: Session) -> None:
    run = s.run(None, "slow", input={"seconds": 0.5}).json
    s.get(f"/threads/{run['thread_id']}")
    s.get(f"/threads/{run['thread_id']}/runs/{run['run_id']}/join")
    s.until(lambda: _gone(s, run["thread_id"]))
    s.get(f"/threads/{run['thread_id']}")


@scenario
def create_keep(s: Session) -> None:
    run = s.run(None, "steps", input={"text": "x"}, on_completion="keep", metadata={"m": 1}).json
    s.settle(run["thread_id"])
    s.get(f"/threads/{run['thread_id']}")
    s.get(f"/threads/{run['thread_id']}/state")


@scenario
def wait(s: Session) -> None:
    reply = s.wait(None, "steps", input={"text": "x"})
    thread = reply.headers["content-location"].split("/")[2]
    s.until(lambda: _gone(s, thread))
    s.get(f"/threads/{thread}")


@scenario
def wait_keep(s: Session) -> None:
    reply = s.wait(None, "steps", input={"text": "x"}, on_completion="keep")
    thread = reply.headers["content-location"].split("/")[2]
    s.settle(thread)
    s.get(f"/threads/{thread}")


@scenario
def wait_error(s: Session) -> None:
    s.wait(None, "failing", input={"text": "x"})


@scenario
def wait_interrupt(s: Session) -> None:
    s.wait(None, "asking", input={"text": "x"})


@scenario
def stream(s: Session) -> None:
    s.stream(
        None,
        "chat",
        input={"messages": [{"role": "user", "content": "hi", "id": "h1"}]},
        stream_mode=["messages", "values"],
    )


@scenario
def stream_keep(s: Session) -> None:
    s.stream(None, "steps", input={"text": "x"}, on_completion="keep", stream_mode=["values", "updates"])


@scenario
def stream_error(s: Session) -> None:
    s.stream(None, "failing", input={"text": "x"})


@scenario
def unknown_assistant(s: Session) -> None:
    for how in ("", "/wait", "/stream"):
        s.post(f"/runs{how}", {"assistant_id": "nope", "input": {}})
        s.post(f"/runs{how}", {"assistant_id": "00000000-0000-0000-0000-000000000001", "input": {}})
        s.post(f"/runs{how}", {})


@scenario
def batch(s: Session) -> None:
    runs = s.post(
        "/runs/batch",
        [
            {"assistant_id": "steps", "input": {"text": "x"}, "on_completion": "keep"},
            {"assistant_id": "limited", "input": {"question": "why"}, "on_completion": "keep"},
        ],
    ).json
    for run in runs:
        s.settle(run["thread_id"])
        s.get(f"/threads/{run['thread_id']}")


@scenario
def batch_wrong(s: Session) -> None:
    s.post("/runs/batch", [])
    s.post("/runs/batch", {})
    s.post("/runs/batch", [{"assistant_id": "steps"}, {"assistant_id": "nope"}])
    s.post("/runs/batch", [{"assistant_id": "steps"}, {}])


@scenario
def subgraphs_and_context(s: Session) -> None:
    s.wait(None, "nested", input={"text": "x"})
    s.wait(None, "configured", input={}, context={"tone": "stateless", "times": 3})


@scenario
def options(s: Session) -> None:
    s.run(None, "steps", input={"text": "x"}, multitask_strategy="reject", stream_mode=["updates"])
    s.run(None, "steps", input={"text": "x"}, if_not_exists="create", config={"tags": ["t"]})
