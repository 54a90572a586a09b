"""Threads: create, read, change, delete, copy, prune."""

from __future__ import annotations

from . import Session, scenario

NOBODY = "00000000-0000-0000-0000-000000000001"


@scenario
def create(s: Session) -> None:
    thread = s.post("/threads", {}).json["thread_id"]
    s.get(f"/threads/{thread}")


@scenario
def create_metadata(s: Session) -> None:
    s.post("/threads", {"metadata": {"a": 1, "b": {"c": [True, None, 2.5, "é 😀"]}}})


@scenario
def create_existing(s: Session) -> None:
    s.post("/threads", {"thread_id": s.mark, "metadata": {"a": 1}})
    s.post("/threads", {"thread_id": s.mark})
    s.post("/threads", {"thread_id": s.mark, "if_exists": "raise"})
    s.post("/threads", {"thread_id": s.mark, "if_exists": "do_nothing", "metadata": {"b": 2}})


@scenario
def create_ttl(s: Session) -> None:
    thread = s.post("/threads", {"ttl": {"ttl": 60, "strategy": "delete"}}).json["thread_id"]
    s.get(f"/threads/{thread}")
    s.get(f"/threads/{thread}?include=ttl")
    s.post("/threads", {"ttl": "soon"})


@scenario
def create_minimal(s: Session) -> None:
    s.post("/threads", {}, headers={"Prefer": "return=minimal"})


@scenario
def create_wrong(s: Session) -> None:
    s.post("/threads", {"thread_id": "nope"})
    s.post("/threads", {"thread_id": 5})
    s.post("/threads", {"metadata": "nope"})
    s.post("/threads", {"if_exists": "nope"})
    s.post("/threads", {"supersteps": "nope"})


@scenario
def create_supersteps(s: Session) -> None:
    thread = s.post(
        "/threads",
        {
            "metadata": {"graph_id": "steps"},
            "supersteps": [
                {"updates": [{"values": {"text": "given"}, "as_node": "__input__"}]},
                {"updates": [{"values": {"steps": ["first"]}, "as_node": "first"}]},
            ],
        },
    ).json["thread_id"]
    s.get(f"/threads/{thread}/state")
    s.get(f"/threads/{thread}/history?limit=10")
    s.wait(thread, "steps", input=None)


@scenario
def create_supersteps_command(s: Session) -> None:
    thread = s.post(
        "/threads",
        {
            "metadata": {"graph_id": "routes"},
            "supersteps": [
                {"updates": [{"values": {"text": "left"}, "as_node": "__input__"}]},
                {"updates": [{"command": {"goto": "left", "update": {"steps": ["given"]}}, "as_node": "route"}]},
            ],
        },
    ).json["thread_id"]
    s.get(f"/threads/{thread}/state")
    s.wait(thread, "routes", input=None)


@scenario
def create_supersteps_without_graph(s: Session) -> None:
    s.post("/threads", {"supersteps": [{"updates": [{"values": {"text": "x"}, "as_node": "__start__"}]}]})


@scenario
def get_unknown(s: Session) -> None:
    s.get(f"/threads/{NOBODY}")
    s.get("/threads/nope")


@scenario
def patch(s: Session) -> None:
    thread = s.thread(metadata={"a": 1, "deep": {"x": 1}})
    s.patch(f"/threads/{thread}", {"metadata": {"b": 2}})
    s.patch(f"/threads/{thread}", {"metadata": {"a": None, "deep": {"y": 2}}})
    s.patch(f"/threads/{thread}", {"ttl": {"ttl": 5, "strategy": "delete"}})
    s.patch(f"/threads/{thread}", {"metadata": {"c": 3}}, headers={"Prefer": "return=minimal"})
    s.get(f"/threads/{thread}")


@scenario
def patch_wrong(s: Session) -> None:
    thread = s.thread()
    s.patch(f"/threads/{thread}", {"metadata": "nope"})
    s.patch(f"/threads/{thread}", {"ttl": 5})
    s.patch(f"/threads/{NOBODY}", {"metadata": {}})
    s.patch("/threads/nope", {"metadata": {}})


@scenario
def delete(s: Session) -> None:
    thread = s.thread()
    s.done(thread, "steps", input={"text": "x"})
    s.delete(f"/threads/{thread}")
    s.get(f"/threads/{thread}")
    s.get(f"/threads/{thread}/state")
    s.get(f"/threads/{thread}/history")
    s.get(f"/threads/{thread}/runs")
    s.delete(f"/threads/{thread}")
    s.delete("/threads/nope")


@scenario
def after_a_run(s: Session) -> None:
    thread = s.thread(metadata={"mine": 1})
    s.wait(thread, "steps", input={"text": "x"}, metadata={"r": 1})
    s.get(f"/threads/{thread}")
    s.wait(thread, "limited", input={"question": "why"})
    s.get(f"/threads/{thread}")


@scenario
def while_busy(s: Session) -> None:
    thread = s.thread()
    s.run(thread, "slow", input={"seconds": 0.5})
    s.get(f"/threads/{thread}")
    s.settle(thread)
    s.get(f"/threads/{thread}")


@scenario
def after_an_error(s: Session) -> None:
    thread = s.thread()
    s.wait(thread, "failing", input={"text": "x"})
    s.get(f"/threads/{thread}")
    s.get(f"/threads/{thread}/state")
    s.wait(thread, "failing", input={"text": "fine"})
    s.get(f"/threads/{thread}")


@scenario
def copy(s: Session) -> None:
    thread = s.thread(metadata={"a": 1})
    s.done(thread, "steps", input={"text": "x"})
    other = s.post(f"/threads/{thread}/copy").json["thread_id"]
    s.get(f"/threads/{other}")
    s.get(f"/threads/{other}/state")
    s.get(f"/threads/{other}/runs")
    s.wait(other, "steps", input={"text": "copied"})
    s.get(f"/threads/{thread}/state")


@scenario
def copy_empty(s: Session) -> None:
    s.post(f"/threads/{s.thread()}/copy")


@scenario
def copy_unknown(s: Session) -> None:
    s.post(f"/threads/{NOBODY}/copy")
    s.post("/threads/nope/copy")


@scenario
def copy_nested(s: Session) -> None:
    """A copy made at an interrupt inside a subgraph goes on by itself."""
    thread = s.thread()
    s.done(thread, "nested_asking", input={"text": "x"})
    other = s.post(f"/threads/{thread}/copy").json["thread_id"]
    s.get(f"/threads/{other}/state?subgraphs=true")
    s.wait(other, "nested_asking", command={"resume": "yes"})
    s.get(f"/threads/{thread}")


@scenario
def prune_delete(s: Session) -> None:
    thread, other = s.thread(), s.thread()
    s.post("/threads/prune", {"thread_ids": [thread, NOBODY], "strategy": "delete"})
    s.get(f"/threads/{thread}")
    s.post("/threads/prune", {"thread_ids": [other]})
    s.get(f"/threads/{other}")


@scenario
def prune_keep_latest(s: Session) -> None:
    thread = s.thread()
    s.done(thread, "steps", input={"text": "x"})
    s.post("/threads/prune", {"thread_ids": [thread], "strategy": "keep_latest"})
    s.get(f"/threads/{thread}")


@scenario
def prune_wrong(s: Session) -> None:
    s.post("/threads/prune", {"thread_ids": ["nope"]})
    s.post("/threads/prune", {"thread_ids": [], "strategy": "nope"})
    s.post("/threads/prune", {})


@scenario
def storage(s: Session) -> None:
    thread = s.thread()
    s.get(f"/threads/{thread}/storage")
    s.get(f"/threads/{NOBODY}/storage")
