"""`RemoteGraph`: a graph of this server, called like a local one. What it has no method for, the SDK does beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.pregel.remote import RemoteException, RemoteGraph
from langgraph.types import Command
from langgraph_sdk import get_client, get_sync_client
from langgraph_sdk.client import SyncLangGraphClient

from tests.clients.sayings import WORDS, answer, said, texts
from tests.server_process import ServerProcess
from tests.watching import eventually

MODES: Any = ["messages", "values", "updates"]


@pytest.fixture
def sdk(server: ServerProcess) -> Iterator[SyncLangGraphClient]:
    with get_sync_client(url=server.url) as client:
        yield client


@pytest.fixture
def talk(sdk: SyncLangGraphClient) -> RemoteGraph:
    return RemoteGraph("talk", sync_client=sdk)


@pytest.fixture
def ask(sdk: SyncLangGraphClient) -> RemoteGraph:
    return RemoteGraph("ask", sync_client=sdk)


@pytest.fixture
def config() -> RunnableConfig:
    """A thread of which the server has not heard: the first run makes it."""
    return {"configurable": {"thread_id": str(uuid4())}}


def thread_of(config: RunnableConfig) -> str:
    return str(config["configurable"]["thread_id"])


def words(chunks: list[Any]) -> list[str]:
    return [chunk.data[0]["content"] for chunk in chunks if chunk.event == "messages" and chunk.data[0]["content"]]


def test_conversation(talk: RemoteGraph, config: RunnableConfig, gate: Path) -> None:
    chunks: list[Any] = []
    for chunk in talk.stream(said("hello", gate), config, stream_mode=MODES):
        chunks.append(chunk)
        if words(chunks) == WORDS[:2]:
            gate.touch()
    assert words(chunks) == [*WORDS, "hello"]
    others = [chunk for chunk in chunks if chunk.event != "messages"]
    assert [chunk.event for chunk in others] == ["values", "updates", "values"]
    assert texts(others[1].data["answer"]) == [answer("hello")]
    assert texts(others[2].data) == ["hello", answer("hello")]
    assert texts(talk.invoke(said("more"), config)) == ["hello", answer("hello"), "more", answer("more")]


async def test_conversation_async(server: ServerProcess, config: RunnableConfig, gate: Path) -> None:
    async with get_client(url=server.url) as client:
        remote = RemoteGraph("talk", client=client)
        chunks: list[Any] = []
        async for chunk in remote.astream(said("hello", gate), config, stream_mode=MODES):
            chunks.append(chunk)
            if words(chunks) == WORDS[:2]:
                gate.touch()
        assert words(chunks) == [*WORDS, "hello"]
        assert texts((await remote.aget_state(config)).values) == ["hello", answer("hello")]


def test_interrupt_and_resume(ask: RemoteGraph, config: RunnableConfig) -> None:
    chunks = list(ask.stream(said("well?"), config, stream_mode="updates"))
    assert [one["value"] for one in chunks[-1]["__interrupt__"]] == [{"question": "go?", "choices": ["yes", "no"]}]
    state = ask.get_state(config)
    assert state.next == ("decide",)
    assert state.interrupts[0].value["question"] == "go?"
    rest = list(ask.stream(Command(resume="yes"), config, stream_mode="updates"))
    assert [texts(chunk["decide"]) for chunk in rest] == [["You decided: yes."]]
    assert ask.get_state(config).next == ()


def test_cancel(talk: RemoteGraph, sdk: SyncLangGraphClient, config: RunnableConfig, gate: Path) -> None:
    chunks: list[Any] = []
    for chunk in talk.stream(said("hello", gate), config, stream_mode=MODES):
        chunks.append(chunk)
        if words(chunks) == WORDS[:2]:
            [run] = sdk.runs.list(thread_of(config))
            sdk.runs.cancel(thread_of(config), run["run_id"], wait=True)
    assert words(chunks) == WORDS[:2]
    assert [chunk.event for chunk in chunks][-1] == "messages"
    assert [run["status"] for run in sdk.runs.list(thread_of(config))] == ["interrupted"]
    assert texts(talk.invoke(said("again"), config)) == ["hello", "again", answer("again")]


def test_cancel_by_leaving(talk: RemoteGraph, sdk: SyncLangGraphClient, config: RunnableConfig, gate: Path) -> None:
    stream = talk.stream(said("hello", gate), config, stream_mode=MODES, on_disconnect="cancel")
    for chunk in stream:
        if words([chunk]) == WORDS[1:2]:
            break
    stream.close()  # type: ignore[attr-defined]
    eventually(lambda: [run["status"] for run in sdk.runs.list(thread_of(config))] == ["interrupted"])


def test_join_from_a_second_client(talk: RemoteGraph, sdk: SyncLangGraphClient, config: RunnableConfig, gate: Path) -> None:
    """What a run of RemoteGraph streams, an SDK client can read along, from its beginning."""
    chunks: list[Any] = []
    joined: list[Any] = []
    for chunk in talk.stream(said("hello", gate), config, stream_mode=MODES, stream_resumable=True):
        chunks.append(chunk)
        if words(chunks) == WORDS[:2] and not joined:
            [run] = sdk.runs.list(thread_of(config))
            for part in sdk.runs.join_stream(thread_of(config), run["run_id"], last_event_id="-1"):
                joined.append(part)
                if words(joined) == WORDS[:2]:
                    gate.touch()
    assert words(joined) == words(chunks) == [*WORDS, "hello"]
    assert [part.id for part in joined if part.event != "metadata"] == [chunk.id for chunk in chunks]


def test_history_and_state(talk: RemoteGraph, config: RunnableConfig) -> None:
    talk.invoke(said("one"), config)
    history = list(talk.get_state_history(config))
    assert [state.next for state in history] == [(), ("answer",), ("__start__",)]
    older = list(talk.get_state_history(config, before=history[0].config, limit=1))
    assert [state.config for state in older] == [history[1].config]
    updated = talk.update_state(config, {"messages": [{"role": "user", "content": "by hand"}]}, as_node="answer")
    assert texts(talk.get_state(updated).values) == ["one", answer("one"), "by hand"]
    early = talk.get_state(history[1].config)  # RemoteGraph reads the past, but starts no runs from there
    assert (texts(early.values), early.next) == (["one"], ("answer",))


def pages_of_history(talk: RemoteGraph, config: RunnableConfig, size: int, **options: Any) -> list[list[Any]]:
    """Page after page, each from where the one before it ended."""
    pages: list[list[Any]] = []
    while not pages or len(pages[-1]) == size:
        before = pages[-1][-1].config if pages else None
        pages.append(list(talk.get_state_history(config, before=before, limit=size, **options)))
    return pages


def test_pages_of_history(talk: RemoteGraph, config: RunnableConfig) -> None:
    """All states come once, the newest first, however many a page has; so do those that a filter leaves."""
    for word in ("one", "two", "three", "four"):
        talk.invoke(said(word), config)
    whole = list(talk.get_state_history(config, limit=100))
    assert [state.next for state in whole] == [(), ("answer",), ("__start__",)] * 4
    assert [state.config for state in talk.get_state_history(config)] == [state.config for state in whole[:10]]
    for size in (1, 5, 12, 20):
        pages = pages_of_history(talk, config, size)
        assert [len(page) for page in pages[:-1]] == [size] * (12 // size)
        assert [state for page in pages for state in page] == whole
    inputs = pages_of_history(talk, config, 3, filter={"source": "input"})
    assert [len(page) for page in inputs] == [3, 1]
    assert [state.config for page in inputs for state in page] == [state.config for state in whole if state.next == ("__start__",)]
    assert list(talk.get_state_history(config, before=whole[-1].config)) == []


async def test_pages_of_history_async(server: ServerProcess, config: RunnableConfig) -> None:
    async with get_client(url=server.url) as client:
        remote = RemoteGraph("talk", client=client)
        for word in ("one", "two"):
            await remote.ainvoke(said(word), config)
        whole = [state async for state in remote.aget_state_history(config)]
        first = [state async for state in remote.aget_state_history(config, limit=4)]
        rest = [state async for state in remote.aget_state_history(config, limit=4, before=first[-1].config)]
        assert (len(first), len(rest), first + rest) == (4, 2, whole)


def test_pages_of_threads(talk: RemoteGraph, sdk: SyncLangGraphClient) -> None:
    """RemoteGraph searches no threads; those that a search finds, page by page, it reads and goes on with."""
    topic = uuid4().hex
    words_of = {}
    for number in range(5):
        thread = sdk.threads.create(metadata={"topic": topic})["thread_id"]
        words_of[thread] = [f"word {number}", answer(f"word {number}")]
        talk.invoke(said(f"word {number}"), {"configurable": {"thread_id": thread}})
    found = [
        one["thread_id"]
        for offset in (0, 2, 4)
        for one in sdk.threads.search(metadata={"topic": topic}, limit=2, offset=offset, sort_by="created_at", sort_order="asc")
    ]
    assert found == list(words_of)
    for thread in found:
        assert texts(talk.get_state({"configurable": {"thread_id": thread}}).values) == words_of[thread]
    assert sdk.threads.search(metadata={"topic": topic}, limit=2, offset=6) == []


def test_stateless(talk: RemoteGraph) -> None:
    chunks = list(talk.stream(said("alone"), stream_mode=MODES))
    assert words(chunks) == [*WORDS, "alone"]
    assert texts(talk.invoke(said("alone"))) == ["alone", answer("alone")]


def test_graph_and_assistants(talk: RemoteGraph, sdk: SyncLangGraphClient, config: RunnableConfig) -> None:
    """RemoteGraph finds nothing itself; what a search finds, it calls by id."""
    assert set(talk.get_graph().nodes) == {"__start__", "answer", "__end__"}
    topic = uuid4().hex
    for _ in range(3):
        sdk.assistants.create("talk", metadata={"topic": topic})
    pages = [sdk.assistants.search(metadata={"topic": topic}, limit=2, offset=offset, sort_by="created_at") for offset in (0, 2)]
    found = [one["assistant_id"] for page in pages for one in page]
    assert len(set(found)) == 3
    assert texts(RemoteGraph(found[-1], sync_client=sdk).invoke(said("hello"), config)) == ["hello", answer("hello")]


def test_a_failure(sdk: SyncLangGraphClient, config: RunnableConfig) -> None:
    failing = RemoteGraph("talk", sync_client=sdk)
    with pytest.raises(RemoteException, match="GraphRecursionError"):
        failing.invoke(said("hello"), {**config, "recursion_limit": 1})
