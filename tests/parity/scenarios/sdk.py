"""The official Python SDK and `RemoteGraph`, as people use them."""

from __future__ import annotations

from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.pregel.remote import RemoteGraph
from langgraph_sdk.schema import Command

from . import Session, scenario

HELLO: dict[str, Any] = {"messages": [{"role": "user", "content": "hi", "id": "h1"}]}


MORE: dict[str, Any] = {"messages": [{"role": "user", "content": "more", "id": "h2"}]}


@scenario
def conversation(s: Session) -> None:
    client = s.sdk()
    thread = client.threads.create(metadata={"mark": s.mark})["thread_id"]
    for _ in client.runs.stream(thread, "chat", input=HELLO, stream_mode=["messages-tuple", "values"]):
        pass
    client.runs.wait(thread, "chat", input=MORE)
    client.threads.get_state(thread)
    client.threads.get(thread)
    client.threads.delete(thread)


@scenario
def interrupt(s: Session) -> None:
    client = s.sdk()
    thread = client.threads.create()["thread_id"]
    client.runs.wait(thread, "asking", input={"text": "x"})
    client.runs.wait(thread, "asking", command=Command(resume="Ann"))
    for _ in client.runs.stream(thread, "asking", command=Command(resume="5"), stream_mode="updates"):
        pass


@scenario
def background(s: Session) -> None:
    client = s.sdk()
    thread = client.threads.create()["thread_id"]
    run = client.runs.create(thread, "slow", input={"seconds": 0.4}, metadata={"m": 1})
    client.runs.join(thread, run["run_id"])
    s.settle(thread)
    client.runs.get(thread, run["run_id"])
    client.runs.list(thread, limit=5)
    client.runs.delete(thread, run["run_id"])


@scenario
def cancel(s: Session) -> None:
    client = s.sdk()
    thread = client.threads.create()["thread_id"]
    run = client.runs.create(thread, "slow", input={"seconds": 20})
    s.at(thread, "nap")
    client.runs.cancel(thread, run["run_id"])
    s.settle(thread)
    client.threads.get(thread)


@scenario
def join(s: Session) -> None:
    client = s.sdk()
    thread = client.threads.create()["thread_id"]
    client.runs.create(thread, "slow", input={"seconds": 0.4})
    run = client.runs.create(thread, "steps", input={"text": "x"}, stream_mode=["values"])
    for _ in client.runs.join_stream(thread, run["run_id"], stream_mode="values"):
        pass


@scenario
def search(s: Session) -> None:
    client = s.sdk()
    for n in range(3):
        client.threads.create(metadata={"mark": s.mark, "n": n})
    client.threads.search(metadata={"mark": s.mark}, limit=2, sort_by="created_at", sort_order="asc")
    client.threads.search(metadata={"mark": s.mark}, limit=2, offset=2, select=["metadata"])
    client.threads.count(metadata={"mark": s.mark})


@scenario
def assistants(s: Session) -> None:
    client = s.sdk()
    made = client.assistants.create("configured", context={"tone": "sad"}, metadata={"mark": s.mark}, name="Sad")
    id = made["assistant_id"]
    client.assistants.update(id, context={"tone": "glad"}, name="Glad")
    client.assistants.get_versions(id)
    client.assistants.set_latest(id, 1)
    client.assistants.get_graph(id)
    client.assistants.get_schemas(id)
    client.assistants.get_subgraphs(id)
    client.assistants.search(metadata={"mark": s.mark})
    client.assistants.count(metadata={"mark": s.mark})
    client.assistants.delete(id)


@scenario
def state(s: Session) -> None:
    client = s.sdk()
    thread = client.threads.create()["thread_id"]
    client.runs.wait(thread, "steps", input={"text": "x"})
    client.threads.update_state(thread, {"text": "updated"}, as_node="first")
    client.threads.get_history(thread, limit=3)
    client.threads.update(thread, metadata={"m": 1})
    client.threads.copy(thread)


@scenario
def stateless(s: Session) -> None:
    client = s.sdk()
    client.runs.wait(None, "steps", input={"text": "x"})
    for _ in client.runs.stream(None, "steps", input={"text": "x"}, stream_mode="updates"):
        pass
    client.runs.create_batch([cast(Any, {"assistant_id": "steps", "input": {"text": "x"}})])


@scenario
def remote_graph(s: Session) -> None:
    graph = RemoteGraph("steps", sync_client=s.sdk())
    thread = s.thread()
    config: RunnableConfig = {"configurable": {"thread_id": thread}}
    graph.invoke({"text": "x"}, config)
    for _ in graph.stream({"text": "y"}, config, stream_mode=["updates", "values"]):
        pass
    graph.get_state(config)
    list(graph.get_state_history(config, limit=2))
    graph.update_state(config, {"text": "updated"}, as_node="first")


@scenario
def remote_subgraphs(s: Session) -> None:
    graph = RemoteGraph("nested", sync_client=s.sdk())
    config: RunnableConfig = {"configurable": {"thread_id": s.thread()}}
    for _ in graph.stream({"text": "x"}, config, stream_mode="updates", subgraphs=True):
        pass
    graph.get_graph(xray=True)


@scenario
def remote_interrupt(s: Session) -> None:
    from langgraph.types import Command as GraphCommand

    graph = RemoteGraph("asking", sync_client=s.sdk())
    config: RunnableConfig = {"configurable": {"thread_id": s.thread()}}
    graph.invoke({"text": "x"}, config)
    graph.invoke(cast(Any, GraphCommand(resume="Ann")), config)
