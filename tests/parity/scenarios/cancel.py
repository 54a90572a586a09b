"""Cancelling runs that are pending, running, ended; one and many; interrupt and rollback.

What the reference answers to `cancel?wait=true` is sometimes `{}` and sometimes the values reached.
"""

from __future__ import annotations

from . import Session, scenario

NOBODY = "00000000-0000-0000-0000-000000000001"


@scenario
def pending(s: Session) -> None:
    thread = s.thread()
    first = s.run(thread, "slow", input={"seconds": 0.6}).run_id
    second = s.run(thread, "slow", input={"seconds": 0.6}).run_id
    s.at(thread, "nap")
    s.post(f"/threads/{thread}/runs/{second}/cancel")
    s.get(f"/threads/{thread}/runs/{second}")
    s.get(f"/threads/{thread}/runs/{first}/join")
    s.settle(thread)
    s.get(f"/threads/{thread}/runs?select=run_id&select=status")
    s.get(f"/threads/{thread}")


@scenario
def running(s: Session) -> None:
    thread = s.thread()
    run = s.run(thread, "slow", input={"seconds": 20}).run_id
    s.at(thread, "nap")
    s.post(f"/threads/{thread}/runs/{run}/cancel?wait=true", body_matters=False)
    s.settle(thread)
    s.get(f"/threads/{thread}/runs/{run}")
    s.get(f"/threads/{thread}")
    s.get(f"/threads/{thread}/state")
    s.get(f"/threads/{thread}/runs/{run}/join")


@scenario
def running_without_waiting(s: Session) -> None:
    thread = s.thread()
    run = s.run(thread, "slow", input={"seconds": 20}).run_id
    s.at(thread, "nap")
    s.post(f"/threads/{thread}/runs/{run}/cancel?wait=false")
    s.settle(thread)
    s.get(f"/threads/{thread}/runs?select=run_id&select=status")


@scenario
def then_continue(s: Session) -> None:
    """A cancelled thread goes on from its last checkpoint."""
    thread = s.thread()
    run = s.run(thread, "slow", input={"seconds": 2}).run_id
    s.at(thread, "nap")
    s.post(f"/threads/{thread}/runs/{run}/cancel?wait=true", body_matters=False)
    s.settle(thread)
    s.wait(thread, "slow", input=None)
    s.get(f"/threads/{thread}")


@scenario
def ended(s: Session) -> None:
    thread = s.thread()
    run = s.run(thread, "steps", input={"text": "x"}).run_id
    s.settle(thread)
    s.post(f"/threads/{thread}/runs/{run}/cancel")
    s.post(f"/threads/{thread}/runs/{run}/cancel?wait=true")
    s.get(f"/threads/{thread}")


@scenario
def unknown(s: Session) -> None:
    thread = s.thread()
    s.post(f"/threads/{thread}/runs/{NOBODY}/cancel")
    s.post(f"/threads/{thread}/runs/nope/cancel")
    s.post(f"/threads/{NOBODY}/runs/{NOBODY}/cancel")


@scenario
def rollback(s: Session) -> None:
    thread = s.thread()
    s.done(thread, "slow", input={"seconds": 0})
    run = s.run(thread, "slow", input={"seconds": 20}).run_id
    s.at(thread, "nap")
    s.post(f"/threads/{thread}/runs/{run}/cancel?wait=true&action=rollback", body_matters=False)
    s.settle(thread)
    s.get(f"/threads/{thread}/runs/{run}")
    s.get(f"/threads/{thread}")
    s.get(f"/threads/{thread}/state")


@scenario
def rollback_first_run(s: Session) -> None:
    thread = s.thread()
    run = s.run(thread, "slow", input={"seconds": 20}).run_id
    s.at(thread, "nap")
    s.post(f"/threads/{thread}/runs/{run}/cancel?wait=true&action=rollback", body_matters=False)
    s.settle(thread)
    s.get(f"/threads/{thread}")
    s.get(f"/threads/{thread}/state")


@scenario
def many(s: Session) -> None:
    thread = s.thread()
    runs = [s.run(thread, "slow", input={"seconds": 20}).run_id for _ in range(2)]
    s.at(thread, "nap")
    s.post("/runs/cancel", {"thread_id": thread, "run_ids": [*runs, NOBODY]})
    s.settle(thread)
    s.get(f"/threads/{thread}/runs?select=run_id&select=status")


@scenario
def many_unknown(s: Session) -> None:
    s.post("/runs/cancel", {"thread_id": s.thread(), "run_ids": [NOBODY]})
    s.post("/runs/cancel", {"status": "nope"})
    s.post("/runs/cancel", {})
    s.post("/runs/cancel", {"thread_id": s.thread()})


@scenario(alone=True)
def everything(s: Session) -> None:
    threads = [s.thread() for _ in range(2)]
    for thread in threads:
        s.run(thread, "slow", input={"seconds": 4})
        s.at(thread, "nap")
    s.post("/runs/cancel", {"status": "all"})
    for thread in threads:
        s.settle(thread)
        s.get(f"/threads/{thread}/runs?select=status")
    s.post("/runs/cancel", {"status": "running"})


@scenario
def while_waiting(s: Session) -> None:
    """The client that waits gets what the run had reached."""
    thread = s.thread()
    waiting = s.later("POST", f"/threads/{thread}/runs/wait", {"assistant_id": "slow", "input": {"seconds": 20}})
    s.at(thread, "nap")
    run = s.quiet("GET", f"/threads/{thread}/runs")[0]["run_id"]
    s.quiet("POST", f"/threads/{thread}/runs/{run}/cancel?wait=true")
    waiting.result()
    s.settle(thread)
    s.get(f"/threads/{thread}")


@scenario
def while_streaming(s: Session) -> None:
    thread = s.thread()
    body = {"assistant_id": "slow", "input": {"seconds": 20}, "stream_mode": ["values", "updates", "tasks"]}
    streaming = s.later("POST", f"/threads/{thread}/runs/stream", body)
    s.at(thread, "nap")
    run = s.quiet("GET", f"/threads/{thread}/runs")[0]["run_id"]
    s.quiet("POST", f"/threads/{thread}/runs/{run}/cancel?wait=true")
    streaming.result()


@scenario
def delete_running(s: Session) -> None:
    thread = s.thread()
    run = s.run(thread, "slow", input={"seconds": 20}).run_id
    s.at(thread, "nap")
    s.delete(f"/threads/{thread}/runs/{run}")
    s.get(f"/threads/{thread}/runs/{run}")


@scenario
def delete_thread_with_running(s: Session) -> None:
    thread = s.thread()
    s.run(thread, "slow", input={"seconds": 20})
    s.at(thread, "nap")
    s.delete(f"/threads/{thread}")
    s.get(f"/threads/{thread}")


@scenario
def on_disconnect(s: Session) -> None:
    """A stream's client leaves: the run is cancelled, or goes on."""
    for choice in ("cancel", "continue"):
        thread = s.thread()
        body = {"assistant_id": "slow", "input": {"seconds": 0.7}, "on_disconnect": choice}
        s.cut("POST", f"/threads/{thread}/runs/stream", body, lines=2)
        s.settle(thread)
        s.get(f"/threads/{thread}/runs?select=status")
