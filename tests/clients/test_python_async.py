"""The Python SDK, async."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import NotFoundError

from tests.clients.sayings import MODES, WORDS, answer, events, said, texts, word, words
from tests.clients.unreliable import UnreliableProxy
from tests.server_process import ServerProcess
from tests.watching import aeventually


@pytest.fixture
async def sdk(server: ServerProcess) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=server.url) as client:
        yield client


@pytest.fixture
async def second(server: ServerProcess) -> AsyncIterator[LangGraphClient]:
    """Another client, with connections of its own."""
    async with get_client(url=server.url) as client:
        yield client


@pytest.fixture
async def thread_id(sdk: LangGraphClient) -> str:
    return str((await sdk.threads.create())["thread_id"])


def opens(gate: Path, client: LangGraphClient) -> None:
    """Let the run go on when the client is answered: what it asked for has begun."""

    async def answered(_: Any) -> None:
        gate.touch()

    client.http.client.event_hooks = {"request": [], "response": [answered]}


async def test_conversation(sdk: LangGraphClient, thread_id: str, gate: Path) -> None:
    created: list[Any] = []
    parts: list[Any] = []
    stream = sdk.runs.stream(thread_id, "talk", input=said("hello", gate), stream_mode=MODES, on_run_created=created.append)
    async for part in stream:
        parts.append(part)
        if words(parts) == WORDS[:2] and not gate.exists():
            assert (await sdk.threads.get(thread_id))["status"] == "busy"
            gate.touch()
    assert words(parts) == [*WORDS, "hello"]
    assert len({part.data[0]["id"] for part in parts if part.event == "messages"}) == 1
    assert events(parts) == ["metadata", "values", "messages", "updates", "values"]
    assert texts(parts[1].data) == ["hello"]
    assert texts(parts[-2].data["answer"]) == [answer("hello")]
    assert texts(parts[-1].data) == ["hello", answer("hello")]
    run_id = parts[0].data["run_id"]
    assert created == [{"run_id": run_id, "thread_id": thread_id}]
    assert (await sdk.runs.get(thread_id, run_id))["status"] == "success"
    again: Any = await sdk.runs.wait(thread_id, "talk", input=said("more"))
    assert texts(again) == ["hello", answer("hello"), "more", answer("more")]
    runs = await sdk.runs.list(thread_id)
    assert [(run["status"], run["run_id"] == run_id) for run in runs] == [("success", False), ("success", True)]


async def test_messages_from_the_beginning_to_the_end(sdk: LangGraphClient, thread_id: str) -> None:
    """Mode `messages`: the whole message so far, again and again."""
    parts = [part async for part in sdk.runs.stream(thread_id, "talk", input=said("hello"), stream_mode="messages")]
    partial = [part.data[0]["content"] for part in parts if part.event == "messages/partial"]
    assert list(dict.fromkeys(partial)) == ["".join([*WORDS, "hello"][: n + 1]) for n in range(8)]
    assert [part.event for part in parts].count("messages/metadata") == 1


async def test_interrupt_and_resume(sdk: LangGraphClient, thread_id: str) -> None:
    parts = [part async for part in sdk.runs.stream(thread_id, "ask", input=said("well?"), stream_mode=["values", "updates"])]
    question = {"question": "go?", "choices": ["yes", "no"]}
    [asked] = [part.data["__interrupt__"] for part in parts if part.event == "updates" and "__interrupt__" in part.data]
    assert [one["value"] for one in asked] == [question]
    thread = await sdk.threads.get(thread_id)
    assert thread["status"] == "interrupted"
    assert [one["value"] for of_task in thread["interrupts"].values() for one in of_task] == [question]
    state = await sdk.threads.get_state(thread_id)
    assert state["next"] == ["decide"]
    assert state["tasks"][0]["interrupts"][0]["id"] == asked[0]["id"]
    rest = [part async for part in sdk.runs.stream(thread_id, "ask", command={"resume": "yes"}, stream_mode=["values", "updates"])]
    assert texts(rest[-1].data) == ["well?", "I propose to go.", "You decided: yes."]
    assert [list(part.data) for part in rest if part.event == "updates"] == [["decide"]]
    thread = await sdk.threads.get(thread_id)
    assert (thread["status"], thread["interrupts"]) == ("idle", {})


async def test_resume_by_interrupt_id(sdk: LangGraphClient, thread_id: str) -> None:
    asked: Any = await sdk.runs.wait(thread_id, "ask", input=said("well?"))
    [question] = asked["__interrupt__"]
    decided: Any = await sdk.runs.wait(thread_id, "ask", command={"resume": {question["id"]: "no"}})
    assert texts(decided)[-1] == "You decided: no."


async def test_cancel(sdk: LangGraphClient, second: LangGraphClient, thread_id: str, gate: Path) -> None:
    parts: list[Any] = []
    async for part in sdk.runs.stream(thread_id, "talk", input=said("hello", gate), stream_mode=MODES):
        parts.append(part)
        if words(parts) == WORDS[:2]:
            run_id = parts[0].data["run_id"]
            await second.runs.cancel(thread_id, run_id, wait=True)
            assert (await second.runs.get(thread_id, run_id))["status"] == "interrupted"
    assert words(parts) == WORDS[:2]
    assert "updates" not in events(parts)
    assert [run["status"] for run in await sdk.runs.list(thread_id)] == ["interrupted"]
    again: Any = await sdk.runs.wait(thread_id, "talk", input=said("again"))
    assert texts(again) == ["hello", "again", answer("again")]


async def test_rollback(sdk: LangGraphClient, thread_id: str, gate: Path) -> None:
    await sdk.runs.wait(thread_id, "talk", input=said("first"))
    async for part in sdk.runs.stream(thread_id, "talk", input=said("second", gate), stream_mode=MODES):
        if part.event == "metadata":
            run_id = part.data["run_id"]
        if word(part) == WORDS[1]:
            await sdk.runs.cancel(thread_id, run_id, wait=True, action="rollback")
    assert texts((await sdk.threads.get_state(thread_id))["values"]) == ["first", answer("first")]
    with pytest.raises(NotFoundError):
        await sdk.runs.get(thread_id, run_id)


async def test_cancel_by_leaving(sdk: LangGraphClient, thread_id: str, gate: Path) -> None:
    stream = sdk.runs.stream(thread_id, "talk", input=said("hello", gate), stream_mode=MODES, on_disconnect="cancel")
    async for part in stream:
        if word(part) == WORDS[1]:
            break
    await stream.aclose()  # type: ignore[attr-defined]

    async def cancelled() -> bool:
        return [run["status"] for run in await sdk.runs.list(thread_id)] == ["interrupted"]

    await aeventually(cancelled)


async def test_join_from_a_second_client(sdk: LangGraphClient, second: LangGraphClient, thread_id: str, gate: Path) -> None:
    """What was sent before is not sent again; nothing of what comes is missed."""
    parts: list[Any] = []
    joining: asyncio.Task[list[Any]] | None = None
    opens(gate, second)
    async for part in sdk.runs.stream(thread_id, "talk", input=said("hello", gate), stream_mode=MODES):
        parts.append(part)
        if words(parts) == WORDS[:2] and not joining:
            joined = second.runs.join_stream(thread_id, parts[0].data["run_id"])

            async def read(joined: AsyncIterator[Any] = joined) -> list[Any]:
                return [part async for part in joined]

            joining = asyncio.create_task(read())
    assert joining
    assert words(await joining) == [*WORDS[2:], "hello"]
    assert (await joining)[-1].data == parts[-1].data
    assert not any(part.id for part in parts)


async def test_join_waits_for_the_end(sdk: LangGraphClient, second: LangGraphClient, thread_id: str, gate: Path) -> None:
    run = await sdk.runs.create(thread_id, "talk", input=said("hello", gate))
    opens(gate, second)
    assert texts(await second.runs.join(thread_id, run["run_id"])) == ["hello", answer("hello")]
    assert texts(await sdk.runs.join(thread_id, run["run_id"])) == ["hello", answer("hello")]


async def test_join_from_anywhere_of_a_resumable_stream(
    sdk: LangGraphClient, second: LangGraphClient, thread_id: str, gate: Path
) -> None:
    parts: list[Any] = []
    stream = sdk.runs.stream(thread_id, "talk", input=said("hello", gate), stream_mode=MODES, stream_resumable=True)
    early: list[Any] = []
    async for part in stream:
        parts.append(part)
        if words(parts) == WORDS[:2] and not early:
            run_id = parts[0].data["run_id"]
            async for again in second.runs.join_stream(thread_id, run_id, last_event_id="-1"):
                early.append(again)
                if words(early) == WORDS[:2]:
                    gate.touch()
    assert early == parts
    ids = [part.id for part in parts]
    assert all(ids)
    assert len(set(ids)) == len(ids)
    for position in range(len(parts)):
        rest = [one async for one in second.runs.join_stream(thread_id, run_id, last_event_id=ids[position])]
        assert rest == parts[position + 1 :]
    only = [one async for one in second.runs.join_stream(thread_id, run_id, last_event_id="-1", stream_mode="updates")]
    assert only == [part for part in parts if part.event == "updates"]


async def test_broken_connections(unreliable: UnreliableProxy, sdk: LangGraphClient, thread_id: str) -> None:
    """The SDK reconnects and asks for what is behind the last event it read: every event arrives once, in order."""
    async with get_client(url=unreliable.url) as client:
        stream = client.runs.stream(thread_id, "talk", input=said("hello"), stream_mode=MODES, stream_resumable=True)
        parts = [part async for part in stream]
    assert unreliable.cuts >= 2
    run_id = parts[0].data["run_id"]
    assert parts == [part async for part in sdk.runs.join_stream(thread_id, run_id, last_event_id="-1")]
    assert words(parts) == [*WORDS, "hello"]
    assert len(await sdk.runs.list(thread_id)) == 1


async def test_stream_of_a_thread(sdk: LangGraphClient, second: LangGraphClient, thread_id: str, gate: Path) -> None:
    """Two runs of another client, one after the other, seen by one stream."""
    opens(gate, second)
    seen: list[Any] = []

    async def watch() -> None:
        async for part in await second.threads.join_stream(thread_id):
            seen.append(part)
            if [one.data.get("status") for one in seen if one.event == "metadata"].count("run_done") == 2:
                return

    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(watch())
        while not gate.exists():
            await asyncio.sleep(0.01)
        first = await sdk.runs.create(thread_id, "talk", input=said("first"), stream_mode=MODES)
        other = await sdk.runs.create(thread_id, "talk", input=said("other"), stream_mode=MODES)
    runs = [part.data["run_id"] for part in seen if part.event == "metadata"]
    assert runs == [first["run_id"], first["run_id"], other["run_id"], other["run_id"]]
    assert words(seen) == [*WORDS, "first", *WORDS, "other"]
    ids = [int(part.id) for part in seen]
    assert ids == sorted(set(ids))
    # Later, from the middle: everything behind it, once.
    again: list[Any] = []
    async for part in await second.threads.join_stream(thread_id, last_event_id=seen[4].id):
        again.append(part)
        if part == seen[-1]:
            break
    assert again == seen[5:]


async def test_stream_of_a_thread_joined_in_the_middle_of_a_run(
    sdk: LangGraphClient, second: LangGraphClient, thread_id: str, gate: Path
) -> None:
    parts: list[Any] = []
    async for part in sdk.runs.stream(thread_id, "talk", input=said("hello", gate), stream_mode=MODES):
        parts.append(part)
        if words(parts) == WORDS[:2]:
            break
    opens(gate, second)
    seen: list[Any] = []
    async with asyncio.timeout(10):
        async for part in await second.threads.join_stream(thread_id):
            seen.append(part)
            if part.event == "metadata" and part.data.get("status") == "run_done":
                break
    assert words(seen) == [*WORDS[2:], "hello"]
    assert texts(seen[-2].data) == ["hello", answer("hello")]


async def test_pages(sdk: LangGraphClient) -> None:
    topic = uuid4().hex
    threads = [(await sdk.threads.create(metadata={"topic": topic, "n": n}))["thread_id"] for n in range(5)]
    pages = [
        await sdk.threads.search(metadata={"topic": topic}, limit=2, offset=offset, sort_by="created_at", sort_order="asc")
        for offset in (0, 2, 4, 6)
    ]
    assert [[one["thread_id"] for one in page] for page in pages] == [threads[:2], threads[2:4], threads[4:], []]
    assert await sdk.threads.count(metadata={"topic": topic}) == 5
    await sdk.runs.wait(threads[3], "talk", input=said("hello"))
    [newest] = await sdk.threads.search(metadata={"topic": topic}, limit=1, sort_by="updated_at")
    assert newest["thread_id"] == threads[3]
    [selected] = await sdk.threads.search(metadata={"topic": topic, "n": 1}, select=["thread_id"])
    assert selected == {"thread_id": threads[1]}  # type: ignore[comparison-overlap]

    made = [(await sdk.assistants.create("talk", metadata={"topic": topic}, name=f"a{n}"))["assistant_id"] for n in range(5)]
    found: list[str] = []
    offset = 0
    nexts: list[str | None] = []
    while not nexts or nexts[-1]:
        page = await sdk.assistants.search(
            metadata={"topic": topic}, limit=2, offset=offset, sort_by="name", sort_order="asc", response_format="object"
        )
        found += [one["assistant_id"] for one in page["assistants"]]
        nexts.append(page["next"])
        offset = int(page["next"] or 0)
    assert found == made
    assert nexts == ["2", "4", None]
    assert await sdk.assistants.count(metadata={"topic": topic}) == 5


async def test_history_and_state(sdk: LangGraphClient, thread_id: str) -> None:
    await sdk.runs.wait(thread_id, "talk", input=said("one"))
    await sdk.runs.wait(thread_id, "talk", input=said("two"))
    history: Any = await sdk.threads.get_history(thread_id, limit=100)
    assert [len(state["values"].get("messages", [])) for state in history] == [4, 3, 2, 2, 1, 0]
    pages: list[Any] = []
    while page := await sdk.threads.get_history(thread_id, limit=2, before=pages[-1]["checkpoint"] if pages else None):
        pages += page
    assert pages == history
    updated = await sdk.threads.update_state(thread_id, {"messages": [{"role": "user", "content": "by hand"}]}, as_node="__start__")
    state = await sdk.threads.get_state(thread_id)
    assert texts(state["values"])[-1] == "by hand"
    assert state["checkpoint"]["checkpoint_id"] == updated["checkpoint"]["checkpoint_id"]
    assert state["next"] == ["answer"]
    went_on: Any = await sdk.runs.wait(thread_id, "talk", input=None)
    assert texts(went_on)[-2:] == ["by hand", answer("by hand")]
    early = next(one for one in history if texts(one["values"]) == ["one", answer("one")] and not one["next"])
    assert (await sdk.threads.get_state(thread_id, early["checkpoint"]))["values"] == early["values"]
    forked: Any = await sdk.runs.wait(thread_id, "talk", input=said("other"), checkpoint=early["checkpoint"])
    assert texts(forked) == ["one", answer("one"), "other", answer("other")]


async def test_stateless(sdk: LangGraphClient) -> None:
    created: list[Any] = []
    topic = {"topic": uuid4().hex}
    parts: list[Any] = [
        part
        async for part in sdk.runs.stream(
            None, "talk", input=said("alone"), stream_mode=MODES, on_run_created=created.append, metadata=topic
        )
    ]
    assert words(parts) == [*WORDS, "alone"]
    assert texts(parts[-1].data) == ["alone", answer("alone")]
    assert created[0]["run_id"] == parts[0].data["run_id"]
    assert await sdk.threads.search(metadata=topic) == []
    again: Any = await sdk.runs.wait(None, "talk", input=said("again"))
    assert texts(again) == ["again", answer("again")]


async def test_a_refusal(sdk: LangGraphClient, thread_id: str) -> None:
    with pytest.raises(NotFoundError, match="not found"):
        await sdk.threads.get(str(uuid4()))
    with pytest.raises(Exception, match="nothing-like-that"):
        await sdk.runs.create(thread_id, "nothing-like-that", input={})
    assert await sdk.runs.list(thread_id) == []
