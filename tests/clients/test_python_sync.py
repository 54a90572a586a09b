"""The Python SDK without async."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import SyncLangGraphClient
from langgraph_sdk.errors import NotFoundError

from tests.clients.sayings import MODES, WORDS, answer, events, said, texts, word, words
from tests.clients.unreliable import UnreliableProxy
from tests.server_process import ServerProcess


@pytest.fixture
def sdk(server: ServerProcess) -> Iterator[SyncLangGraphClient]:
    with get_sync_client(url=server.url) as client:
        yield client


@pytest.fixture
def second(server: ServerProcess) -> Iterator[SyncLangGraphClient]:
    """Another client, with connections of its own."""
    with get_sync_client(url=server.url) as client:
        yield client


@pytest.fixture
def thread_id(sdk: SyncLangGraphClient) -> str:
    return str(sdk.threads.create()["thread_id"])


def opens(gate: Path, client: SyncLangGraphClient) -> None:
    """Let the run go on when the client is answered: what it asked for has begun."""
    client.http.client.event_hooks = {"request": [], "response": [lambda _: gate.touch()]}


def test_conversation(sdk: SyncLangGraphClient, thread_id: str, gate: Path) -> None:
    created: list[Any] = []
    parts: list[Any] = []
    for part in sdk.runs.stream(thread_id, "talk", input=said("hello", gate), stream_mode=MODES, on_run_created=created.append):
        parts.append(part)
        if words(parts) == WORDS[:2] and not gate.exists():
            assert sdk.threads.get(thread_id)["status"] == "busy"
            gate.touch()
    assert words(parts) == [*WORDS, "hello"]
    assert events(parts) == ["metadata", "values", "messages", "updates", "values"]
    assert texts(parts[-2].data["answer"]) == [answer("hello")]
    assert texts(parts[-1].data) == ["hello", answer("hello")]
    assert created == [{"run_id": parts[0].data["run_id"], "thread_id": thread_id}]
    again: Any = sdk.runs.wait(thread_id, "talk", input=said("more"))
    assert texts(again) == ["hello", answer("hello"), "more", answer("more")]
    assert [run["status"] for run in sdk.runs.list(thread_id)] == ["success", "success"]


def test_interrupt_and_resume(sdk: SyncLangGraphClient, thread_id: str) -> None:
    asked = list(sdk.runs.stream(thread_id, "ask", input=said("well?"), stream_mode="values"))[-1].data
    assert [one["value"] for one in asked["__interrupt__"]] == [{"question": "go?", "choices": ["yes", "no"]}]
    assert sdk.threads.get(thread_id)["status"] == "interrupted"
    rest: list[Any] = list(sdk.runs.stream(thread_id, "ask", command={"resume": "yes"}, stream_mode=["updates"]))
    assert [part.event for part in rest] == ["metadata", "updates"]
    assert texts(rest[1].data["decide"]) == ["You decided: yes."]
    assert sdk.threads.get(thread_id)["status"] == "idle"
    assert texts(sdk.threads.get_state(thread_id)["values"]) == ["well?", "I propose to go.", "You decided: yes."]


def test_cancel(sdk: SyncLangGraphClient, second: SyncLangGraphClient, thread_id: str, gate: Path) -> None:
    parts: list[Any] = []
    for part in sdk.runs.stream(thread_id, "talk", input=said("hello", gate), stream_mode=MODES):
        parts.append(part)
        if words(parts) == WORDS[:2]:
            second.runs.cancel(thread_id, parts[0].data["run_id"], wait=True)
            assert second.runs.get(thread_id, parts[0].data["run_id"])["status"] == "interrupted"
    assert words(parts) == WORDS[:2]
    assert "updates" not in events(parts)
    again: Any = sdk.runs.wait(thread_id, "talk", input=said("again"))
    assert texts(again) == ["hello", "again", answer("again")]


def test_join_from_a_second_client(sdk: SyncLangGraphClient, second: SyncLangGraphClient, thread_id: str, gate: Path) -> None:
    """What was sent before is not sent again; nothing of what comes is missed."""
    opens(gate, second)
    parts: list[Any] = []
    with ThreadPoolExecutor(1) as thread:
        joining = None
        for part in sdk.runs.stream(thread_id, "talk", input=said("hello", gate), stream_mode=MODES):
            parts.append(part)
            if words(parts) == WORDS[:2] and not joining:
                run_id = parts[0].data["run_id"]
                joining = thread.submit(list, second.runs.join_stream(thread_id, run_id))
        assert joining
        joined = joining.result(20)
    assert words(joined) == [*WORDS[2:], "hello"]
    assert joined[-1].data == parts[-1].data
    assert texts(second.runs.join(thread_id, run_id)) == ["hello", answer("hello")]


def test_join_from_anywhere_of_a_resumable_stream(
    sdk: SyncLangGraphClient, second: SyncLangGraphClient, thread_id: str, gate: Path
) -> None:
    parts: list[Any] = []
    early: list[Any] = []
    for part in sdk.runs.stream(thread_id, "talk", input=said("hello", gate), stream_mode=MODES, stream_resumable=True):
        parts.append(part)
        if words(parts) == WORDS[:2] and not early:
            run_id = parts[0].data["run_id"]
            for again in second.runs.join_stream(thread_id, run_id, last_event_id="-1"):
                early.append(again)
                if words(early) == WORDS[:2]:
                    gate.touch()
    assert early == parts
    assert all(part.id for part in parts)
    for position in (0, 4, len(parts) - 1):
        assert list(second.runs.join_stream(thread_id, run_id, last_event_id=parts[position].id)) == parts[position + 1 :]


def test_broken_connections(unreliable: UnreliableProxy, sdk: SyncLangGraphClient, thread_id: str) -> None:
    """The SDK reconnects and asks for what is behind the last event it read: every event arrives once, in order."""
    with get_sync_client(url=unreliable.url) as client:
        parts: list[Any] = list(
            client.runs.stream(thread_id, "talk", input=said("hello"), stream_mode=MODES, stream_resumable=True)
        )
    assert unreliable.cuts >= 2
    assert parts == list(sdk.runs.join_stream(thread_id, parts[0].data["run_id"], last_event_id="-1"))
    assert words(parts) == [*WORDS, "hello"]
    assert len(sdk.runs.list(thread_id)) == 1


def test_stream_of_a_thread(sdk: SyncLangGraphClient, second: SyncLangGraphClient, thread_id: str, gate: Path) -> None:
    run = sdk.runs.create(thread_id, "talk", input=said("hello", gate), stream_mode=MODES, stream_resumable=True)
    seen: list[Any] = []
    for part in second.threads.join_stream(thread_id, last_event_id="-1"):
        seen.append(part)
        if word(part) == WORDS[1]:
            gate.touch()
        if part.event == "metadata" and part.data.get("status") == "run_done":
            break
    assert [part.data["run_id"] for part in seen if part.event == "metadata"] == [run["run_id"]] * 2
    assert words(seen) == [*WORDS, "hello"]


def test_pages(sdk: SyncLangGraphClient) -> None:
    topic = uuid4().hex
    threads = [sdk.threads.create(metadata={"topic": topic})["thread_id"] for _ in range(5)]
    pages = [
        sdk.threads.search(metadata={"topic": topic}, limit=2, offset=offset, sort_by="created_at", sort_order="desc")
        for offset in (0, 2, 4, 6)
    ]
    newest = threads[::-1]
    assert [[one["thread_id"] for one in page] for page in pages] == [newest[:2], newest[2:4], newest[4:], []]
    assert sdk.threads.count(metadata={"topic": topic}) == 5
    made = [sdk.assistants.create("talk", metadata={"topic": topic}, name=f"a{n}")["assistant_id"] for n in range(3)]
    first = sdk.assistants.search(metadata={"topic": topic}, limit=2, sort_by="name", sort_order="asc", response_format="object")
    last = sdk.assistants.search(
        metadata={"topic": topic}, limit=2, offset=2, sort_by="name", sort_order="asc", response_format="object"
    )
    assert [one["assistant_id"] for one in [*first["assistants"], *last["assistants"]]] == made
    assert (first["next"], last["next"]) == ("2", None)


def test_history_and_state(sdk: SyncLangGraphClient, thread_id: str) -> None:
    sdk.runs.wait(thread_id, "talk", input=said("one"))
    history = sdk.threads.get_history(thread_id, limit=100)
    assert [state["next"] for state in history] == [[], ["answer"], ["__start__"]]
    assert sdk.threads.get_history(thread_id, limit=1, before=history[0]["checkpoint"]) == history[1:2]
    sdk.threads.update_state(thread_id, {"messages": [{"role": "user", "content": "by hand"}]}, as_node="answer")
    assert texts(sdk.threads.get_state(thread_id)["values"]) == ["one", answer("one"), "by hand"]
    forked: Any = sdk.runs.wait(thread_id, "talk", input=said("other"), checkpoint=history[0]["checkpoint"])
    assert texts(forked) == ["one", answer("one"), "other", answer("other")]


def test_stateless(sdk: SyncLangGraphClient) -> None:
    topic = {"topic": uuid4().hex}
    parts: list[Any] = list(sdk.runs.stream(None, "talk", input=said("alone"), stream_mode=MODES, metadata=topic))
    assert words(parts) == [*WORDS, "alone"]
    assert texts(parts[-1].data) == ["alone", answer("alone")]
    assert sdk.threads.search(metadata=topic) == []


def test_a_refusal(sdk: SyncLangGraphClient) -> None:
    with pytest.raises(NotFoundError, match="not found"):
        sdk.threads.get(str(uuid4()))
