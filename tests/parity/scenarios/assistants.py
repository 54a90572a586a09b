"""Assistants: default ones, create, change, versions, search, and what is known about their graphs."""

from __future__ import annotations

from . import Session, scenario

NOBODY = "00000000-0000-0000-0000-000000000001"


@scenario
def default(s: Session) -> None:
    s.get(f"/assistants/{s.assistant('steps')}")
    s.get(f"/assistants/{s.assistant('agent')}")
    s.post("/assistants/search", {"graph_id": "typed", "metadata": {"created_by": "system"}})


@scenario
def get_unknown(s: Session) -> None:
    s.get(f"/assistants/{NOBODY}")
    s.get("/assistants/steps")


@scenario
def create(s: Session) -> None:
    id = s.post("/assistants", {"graph_id": "steps"}).json["assistant_id"]
    s.get(f"/assistants/{id}")


@scenario
def create_full(s: Session) -> None:
    s.post(
        "/assistants",
        {
            "graph_id": "configured",
            "name": "Full",
            "description": "All of it",
            "metadata": {"mark": s.mark},
            "config": {"tags": ["t"], "recursion_limit": 9, "configurable": {"tone": "sad"}},
        },
    )


@scenario
def create_context(s: Session) -> None:
    s.post("/assistants", {"graph_id": "configured", "context": {"tone": "sad"}})


@scenario
def create_context_and_configurable(s: Session) -> None:
    s.post(
        "/assistants",
        {"graph_id": "configured", "context": {"tone": "sad"}, "config": {"configurable": {"tone": "glad"}}},
    )


@scenario
def create_existing(s: Session) -> None:
    body = {"graph_id": "steps", "assistant_id": s.mark, "name": "First"}
    s.post("/assistants", body)
    s.post("/assistants", {**body, "name": "Second"})
    s.post("/assistants", {**body, "name": "Second", "if_exists": "raise"})
    s.post("/assistants", {**body, "name": "Second", "if_exists": "do_nothing"})


@scenario
def create_wrong(s: Session) -> None:
    s.post("/assistants", {"graph_id": "nope"})
    s.post("/assistants", {})
    s.post("/assistants", {"graph_id": "steps", "assistant_id": "nope"})
    s.post("/assistants", {"graph_id": "steps", "if_exists": "nope"})
    s.post("/assistants", {"graph_id": "steps", "metadata": []})
    s.post("/assistants", {"graph_id": 5})


@scenario
def patch(s: Session) -> None:
    made = s.post("/assistants", {"graph_id": "configured", "metadata": {"a": 1}, "config": {"tags": ["t"]}}).json
    path = f"/assistants/{made['assistant_id']}"
    s.patch(path, {"metadata": {"b": 2}})
    s.patch(path, {"name": "Renamed", "description": "Described"})
    s.patch(path, {"config": {"configurable": {"times": 3}}})
    s.patch(path, {"context": {"times": 4}})
    s.patch(path, {"graph_id": "limited"})
    s.patch(path, {})
    s.get(path)


@scenario
def patch_wrong(s: Session) -> None:
    path = f"/assistants/{s.post('/assistants', {'graph_id': 'steps'}).json['assistant_id']}"
    s.patch(path, {"graph_id": "nope"})
    s.patch(path, {"name": 5})
    s.patch(path, {"context": {"a": 1}, "config": {"configurable": {"b": 1}}})
    s.patch(f"/assistants/{NOBODY}", {"name": "x"})
    s.patch("/assistants/steps", {"name": "x"})


@scenario
def delete(s: Session) -> None:
    id = s.quiet("POST", "/assistants", {"graph_id": "steps"})["assistant_id"]
    s.delete(f"/assistants/{id}")
    s.get(f"/assistants/{id}")
    s.delete(f"/assistants/{id}")
    s.delete("/assistants/nope")


@scenario
def delete_threads(s: Session) -> None:
    id = s.quiet("POST", "/assistants", {"graph_id": "steps"})["assistant_id"]
    gone, stays = s.thread(), s.thread()
    s.done(gone, id, input={"text": "x"})
    s.done(stays, "steps", input={"text": "x"})
    s.delete(f"/assistants/{id}?delete_threads=true")
    s.get(f"/threads/{gone}")
    s.get(f"/threads/{stays}")


@scenario
def delete_keeps_threads(s: Session) -> None:
    id = s.quiet("POST", "/assistants", {"graph_id": "steps"})["assistant_id"]
    thread = s.thread()
    s.done(thread, id, input={"text": "x"})
    s.delete(f"/assistants/{id}")
    s.get(f"/threads/{thread}")
    s.get(f"/threads/{thread}/state")


@scenario
def versions(s: Session) -> None:
    id = s.quiet("POST", "/assistants", {"graph_id": "configured", "name": "One", "metadata": {"a": 1}})["assistant_id"]
    s.quiet("PATCH", f"/assistants/{id}", {"name": "Two", "config": {"configurable": {"tone": "sad"}}})
    s.quiet("PATCH", f"/assistants/{id}", {"name": "Three", "metadata": {"b": 2}})
    s.post(f"/assistants/{id}/versions", {})
    s.post(f"/assistants/{id}/versions", {"limit": 1, "offset": 1})
    s.post(f"/assistants/{id}/versions", {"metadata": {"b": 2}})
    s.post(f"/assistants/{NOBODY}/versions", {})


@scenario
def latest(s: Session) -> None:
    id = s.quiet("POST", "/assistants", {"graph_id": "steps", "name": "One", "metadata": {"a": 1}})["assistant_id"]
    s.quiet("PATCH", f"/assistants/{id}", {"name": "Two", "graph_id": "limited"})
    s.post(f"/assistants/{id}/latest", {"version": 1})
    s.get(f"/assistants/{id}")
    s.patch(f"/assistants/{id}", {"name": "Three"})
    s.post(f"/assistants/{id}/versions", {})
    s.post(f"/assistants/{id}/latest", {"version": 99})
    s.post(f"/assistants/{NOBODY}/latest", {"version": 1})


@scenario
def latest_context(s: Session) -> None:
    """Which context an assistant has after it was set back."""
    id = s.quiet("POST", "/assistants", {"graph_id": "configured", "context": {"tone": "one"}})["assistant_id"]
    s.quiet("PATCH", f"/assistants/{id}", {"context": {"tone": "two"}})
    s.post(f"/assistants/{id}/latest", {"version": 1})
    s.wait(s.thread(), id, input={})


@scenario
def search(s: Session) -> None:
    for index in range(3):
        s.quiet(
            "POST",
            "/assistants",
            {"graph_id": "steps", "name": f"Name {index}", "metadata": {"mark": s.mark, "n": index}},
        )
    mine = {"metadata": {"mark": s.mark}}
    s.post("/assistants/search", mine)
    s.post("/assistants/search", {"metadata": {"mark": s.mark, "n": 1}})
    s.post("/assistants/search", {**mine, "sort_by": "name", "sort_order": "asc", "select": ["name"]})
    s.post("/assistants/search", {**mine, "sort_by": "name", "sort_order": "desc", "select": ["name"]})
    s.post("/assistants/search", {**mine, "sort_by": "created_at", "sort_order": "asc", "select": ["name"]})
    s.post("/assistants/search", {**mine, "name": "NAME 2", "select": ["name", "version"]})
    s.post("/assistants/search", {**mine, "graph_id": "limited"})


@scenario
def search_pages(s: Session) -> None:
    for index in range(3):
        s.quiet("POST", "/assistants", {"graph_id": "steps", "name": f"{index}", "metadata": {"mark": s.mark}})
    mine = {"metadata": {"mark": s.mark}, "select": ["name"]}
    s.post("/assistants/search", {**mine, "limit": 3})
    s.post("/assistants/search", {**mine, "limit": 2})
    s.post("/assistants/search", {**mine, "limit": 2, "offset": 2})
    s.post("/assistants/search", {**mine, "limit": 2, "offset": 5})


@scenario
def search_wrong(s: Session) -> None:
    s.post("/assistants/search", {"limit": 0})
    s.post("/assistants/search", {"offset": -1})
    s.post("/assistants/search", {"sort_by": "nope"})
    s.post("/assistants/search", {"sort_order": "nope"})
    s.post("/assistants/search", {"select": ["nope"]})
    s.post("/assistants/search", {"graph_id": "nope"})


@scenario
def count(s: Session) -> None:
    for graph in ("steps", "steps", "limited"):
        s.quiet("POST", "/assistants", {"graph_id": graph, "name": f"Count {graph}", "metadata": {"mark": s.mark}})
    s.post("/assistants/count", {"metadata": {"mark": s.mark}})
    s.post("/assistants/count", {"metadata": {"mark": s.mark}, "graph_id": "steps"})
    s.post("/assistants/count", {"metadata": {"mark": s.mark}, "name": "LIMITED"})
    s.post("/assistants/count", {"metadata": {"mark": "nobody"}})


@scenario
def graph(s: Session) -> None:
    s.get("/assistants/steps/graph")
    s.get(f"/assistants/{s.assistant('agent')}/graph")
    s.get("/assistants/routes/graph")
    s.get("/assistants/fanout/graph")
    s.get("/assistants/parallel/graph")
    s.get("/assistants/factory/graph")


@scenario
def graph_xray(s: Session) -> None:
    s.get("/assistants/nested/graph")
    s.get("/assistants/nested/graph?xray=true")
    s.get("/assistants/nested/graph?xray=false")
    s.get("/assistants/nested/graph?xray=1")
    s.get("/assistants/nested/graph?xray=2")


@scenario
def graph_wrong(s: Session) -> None:
    s.get("/assistants/nested/graph?xray=0")
    s.get("/assistants/nested/graph?xray=nope")
    s.get(f"/assistants/{NOBODY}/graph")
    s.get("/assistants/nope/graph")


@scenario
def schemas(s: Session) -> None:
    s.get(f"/assistants/{s.assistant('steps')}/schemas")
    s.get(f"/assistants/{s.assistant('limited')}/schemas")
    s.get(f"/assistants/{s.assistant('configured')}/schemas")
    s.get(f"/assistants/{s.assistant('typed')}/schemas")
    s.get(f"/assistants/{s.assistant('factory')}/schemas")
    s.get(f"/assistants/{NOBODY}/schemas")
    s.get("/assistants/steps/schemas")


@scenario
def subgraphs(s: Session) -> None:
    path = f"/assistants/{s.assistant('nested')}/subgraphs"
    s.get(path)
    s.get(f"{path}?recurse=true")
    s.get(f"{path}/middle")
    s.get(f"{path}/middle?recurse=true")
    s.get(f"{path}/middle%7Cinner")
    s.get(f"{path}/nope")
    s.get(f"/assistants/{s.assistant('steps')}/subgraphs")
    s.get(f"/assistants/{NOBODY}/subgraphs")
    s.get("/assistants/nested/subgraphs")


@scenario
def merge_into_run(s: Session) -> None:
    """How assistant, thread and run come together in a run's configuration and metadata."""
    id = s.quiet(
        "POST",
        "/assistants",
        {
            "graph_id": "configured",
            "metadata": {"from": "assistant", "a": 1},
            "config": {"tags": ["assistant"], "recursion_limit": 7, "configurable": {"tone": "sad", "times": 2}},
        },
    )["assistant_id"]
    thread = s.thread(metadata={"from": "thread", "t": 1})
    run = s.run(
        thread,
        id,
        input={},
        metadata={"from": "run", "r": 1},
        config={"tags": ["run"], "metadata": {"from": "config", "c": 1}, "configurable": {"color": "red", "times": 3}},
    )
    s.settle(thread)
    s.get(f"/threads/{thread}/runs/{run.run_id}/join")
    s.get(f"/threads/{thread}")
    s.get(f"/threads/{thread}/state")


@scenario
def context_of_run(s: Session) -> None:
    id = s.quiet("POST", "/assistants", {"graph_id": "configured", "context": {"tone": "assistant"}})["assistant_id"]
    s.wait(s.thread(), id, input={})
    s.wait(s.thread(), id, input={}, context={"times": 5})
    s.wait(s.thread(), id, input={}, config={"configurable": {"times": 5}})
    s.wait(s.thread(), "configured", input={}, context={"unknown": 1})
    thread = s.thread()
    s.run(thread, "configured", input={}, context={"tone": "run"})
    s.settle(thread)
    s.get(f"/threads/{thread}")
