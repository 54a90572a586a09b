"""The official SDK and RemoteGraph against the server: conversations, pages, questions to a human."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.pregel.remote import RemoteGraph
from langgraph.types import Command
from langgraph_sdk import get_client, get_sync_client
from langgraph_sdk.client import LangGraphClient

from tests.server_process import ServerProcess
from tests.watching import aeventually


@pytest.fixture
async def sdk(served: ServerProcess) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=served.url) as client:
        yield client


def said(text: str) -> Any:
    return {"messages": [{"role": "user", "content": text}]}


def texts(values: Any) -> list[str]:
    return [message["content"] if isinstance(message, dict) else message.content for message in values["messages"]]


async def test_a_conversation(sdk: LangGraphClient) -> None:
    thread = await sdk.threads.create(metadata={"topic": "test"})
    thread_id = thread["thread_id"]
    chunks = [chunk async for chunk in sdk.runs.stream(thread_id, "talk", input=said("one"), stream_mode=["values", "updates"])]
    assert [chunk.event for chunk in chunks] == ["metadata", "values", "updates", "values"]
    assert texts(chunks[-1].data) == ["one", "1: one"]
    values = await sdk.runs.wait(thread_id, "talk", input=said("two"))
    assert texts(values) == ["one", "1: one", "two", "2: two"]
    run = await sdk.runs.create(thread_id, "talk", input=said("three"))
    await sdk.runs.join(thread_id, run["run_id"])
    state = await sdk.threads.get_state(thread_id)
    assert texts(state["values"])[-1] == "3: three"
    assert [one["status"] for one in await sdk.runs.list(thread_id)] == ["success"] * 3
    history = await sdk.threads.get_history(thread_id, limit=100)
    assert len(history) == 9
    # From an earlier state the conversation takes another course.
    early = next(one for one in history if texts(one["values"]) == ["one", "1: one"] and not one["next"])
    forked = await sdk.runs.wait(thread_id, "talk", input=said("other"), checkpoint=early["checkpoint"])
    assert texts(forked) == ["one", "1: one", "other", "2: other"]
    copied: Any = await sdk.threads.copy(thread_id)  # type: ignore[func-returns-value]
    assert texts((await sdk.threads.get_state(copied["thread_id"]))["values"]) == texts(forked)
    await sdk.threads.delete(thread_id)
    assert texts((await sdk.threads.get_state(copied["thread_id"]))["values"]) == texts(forked)


def test_a_conversation_without_async(served: ServerProcess) -> None:
    with get_sync_client(url=served.url) as sdk:
        thread_id = sdk.threads.create()["thread_id"]
        created: list[Any] = []
        chunks = list(sdk.runs.stream(thread_id, "talk", input=said("one"), on_run_created=created.append))
        assert texts(chunks[-1].data) == ["one", "1: one"]
        assert created[0]["run_id"] == chunks[0].data["run_id"]
        assert texts(sdk.runs.wait(thread_id, "talk", input=said("two"))) == ["one", "1: one", "two", "2: two"]
        assert texts(sdk.runs.wait(None, "talk", input=said("alone"))) == ["alone", "1: alone"]
        sdk.threads.update_state(thread_id, {"messages": [{"role": "user", "content": "by hand"}]}, as_node="answer")
        assert texts(sdk.threads.get_state(thread_id)["values"])[-1] == "by hand"
        assert sdk.assistants.get_graph("talk")["nodes"]


async def test_a_question_to_a_human(sdk: LangGraphClient) -> None:
    thread_id = (await sdk.threads.create())["thread_id"]
    asked: Any = await sdk.runs.wait(thread_id, "ask", input={"question": "sure?"})
    assert asked["__interrupt__"][0]["value"] == {"question": "sure?"}
    thread = await sdk.threads.get(thread_id)
    assert thread["status"] == "interrupted"
    assert [one["thread_id"] for one in await sdk.threads.search(status="interrupted", ids=[thread_id])] == [thread_id]
    assert (await sdk.threads.get_state(thread_id))["next"] == ["ask_human"]
    answered: Any = await sdk.runs.wait(thread_id, "ask", command={"resume": "yes"})
    assert answered["answer"] == "said yes"
    assert (await sdk.threads.get(thread_id))["status"] == "idle"


async def test_pages_of_threads(sdk: LangGraphClient) -> None:
    made = [(await sdk.threads.create(metadata={"page": "me", "n": n}))["thread_id"] for n in range(7)]
    pages = [
        await sdk.threads.search(metadata={"page": "me"}, limit=3, offset=offset, sort_by="created_at", sort_order="asc")
        for offset in (0, 3, 6, 9)
    ]
    assert [[one["thread_id"] for one in page] for page in pages] == [made[0:3], made[3:6], made[6:7], []]
    assert await sdk.threads.count(metadata={"page": "me"}) == 7
    only: Any = await sdk.threads.search(metadata={"page": "me", "n": 4}, select=["thread_id", "metadata"])
    assert only == [{"thread_id": made[4], "metadata": {"page": "me", "n": 4}}]


async def test_a_run_that_is_left_and_joined_again(sdk: LangGraphClient) -> None:
    thread_id = (await sdk.threads.create())["thread_id"]
    run = await sdk.runs.create(thread_id, "count", input={"steps": 20, "seconds": 0.03}, stream_mode=["custom"])

    async def begun() -> bool:
        return bool((await sdk.threads.get_history(thread_id, limit=3))[1:])

    await aeventually(begun)
    seen = [chunk.data["entry"] async for chunk in sdk.runs.join_stream(thread_id, run["run_id"]) if chunk.event == "custom"]
    assert seen == [f"x{number}" for number in range(21 - len(seen), 21)]
    assert seen
    assert [chunk async for chunk in sdk.runs.join_stream(thread_id, run["run_id"])] == []


async def test_remote_graph(sdk: LangGraphClient) -> None:
    remote = RemoteGraph("talk", client=sdk)
    config: RunnableConfig = {"configurable": {"thread_id": str((await sdk.threads.create())["thread_id"])}}
    assert texts(await remote.ainvoke(said("one"), config)) == ["one", "1: one"]
    chunks = [chunk async for chunk in remote.astream(said("two"), config, stream_mode="updates")]
    assert [texts(chunk["answer"]) for chunk in chunks] == [["2: two"]]
    state = await remote.aget_state(config)
    assert texts(state.values) == ["one", "1: one", "two", "2: two"]
    await remote.aupdate_state(config, {"messages": [{"role": "user", "content": "by hand"}]}, as_node="answer")
    assert texts((await remote.aget_state(config)).values)[-1] == "by hand"
    assert [texts(one.values)[-1:] async for one in remote.aget_state_history(config, limit=2)] == [["by hand"], ["2: two"]]
    assert "answer" in (await remote.aget_graph()).nodes
    assert texts(await remote.ainvoke(said("alone"))) == ["alone", "1: alone"]


async def test_remote_graph_that_asks(sdk: LangGraphClient) -> None:
    remote = RemoteGraph("ask", client=sdk)
    config: RunnableConfig = {"configurable": {"thread_id": str((await sdk.threads.create())["thread_id"])}}
    await remote.ainvoke({"question": "sure?"}, config)
    state = await remote.aget_state(config)
    assert state.interrupts[0].value == {"question": "sure?"}
    assert (await remote.ainvoke(Command(resume="no"), config))["answer"] == "said no"


async def test_remote_graph_as_a_node(sdk: LangGraphClient) -> None:
    """A graph elsewhere is a node of a graph here; what it streams goes through."""
    remote = RemoteGraph("talk", client=sdk)
    outer = (
        StateGraph(MessagesState)
        .add_node("talk", remote)
        .add_edge(START, "talk")
        .add_edge("talk", END)
        .compile(checkpointer=InMemorySaver())
    )
    config: RunnableConfig = {"configurable": {"thread_id": "5e6b1f2a-0000-4000-8000-000000000001"}}
    assert texts(await outer.ainvoke(said("one"), config))[-1] == "1: one"
    chunks = [chunk async for chunk in outer.astream(said("two"), config, subgraphs=True, stream_mode="updates")]
    assert [namespace for namespace, _ in chunks][-1] == ()
    assert any(namespace and namespace[0].startswith("talk:") for namespace, _ in chunks)
    assert texts((await outer.aget_state(config)).values)[-1] == "2: two"
