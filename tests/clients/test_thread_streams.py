"""The Python SDK's `threads.stream`: the thread-centric protocol, over server-sent events and over a WebSocket."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from langgraph_sdk import get_client, get_sync_client
from langgraph_sdk.client import LangGraphClient, SyncLangGraphClient

from tests.clients.sayings import WORDS, answer, said
from tests.server_process import ServerProcess
from tests.watching import aeventually, eventually

Transport = Literal["sse", "websocket"]
SAID = {"messages": [{"role": "user", "content": "hello"}]}

pytestmark = pytest.mark.parametrize("transport", ["sse", "websocket"])


@pytest.fixture
async def sdk(server: ServerProcess) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=server.url) as client:
        yield client


@pytest.fixture
def sync_sdk(server: ServerProcess) -> Iterator[SyncLangGraphClient]:
    with get_sync_client(url=server.url) as client:
        yield client


class Seen:
    """What the projections of a stream, or of a subgraph in it, gave. Each is read by a task of its own."""

    def __init__(self) -> None:
        self.words: dict[str, list[str]] = {}
        self.nodes: list[str] = []
        self.tools: dict[str, Any] = {}
        self.subgraphs: list[tuple[Any, Seen]] = []
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def of(cls, thread: Any) -> Seen:
        """Read a thread from now on.

        One projection after the other: the client waits forever for a subscription that another one replaces before it is open.
        """
        seen = cls()
        for count, read in enumerate((seen._messages, seen._tools, seen._below), 1):
            seen._tasks.append(asyncio.create_task(read(thread)))
            await aeventually(lambda count=count: _is(len(thread._subscriptions) == count and thread._shared_stream is not None))
            await thread._shared_stream.ready
        return seen

    @classmethod
    def below(cls, handle: Any) -> Seen:
        seen = cls()
        seen._tasks += [asyncio.create_task(read(handle)) for read in (seen._messages, seen._tools, seen._below)]
        return seen

    async def _messages(self, stream: Any) -> None:
        async for message in stream.messages:
            self.nodes.append(message.node)
            self._tasks.append(asyncio.create_task(self._words(message)))

    async def _words(self, message: Any) -> None:
        words = self.words.setdefault(message.message_id, [])
        async for word in message.text:
            words.append(word)

    async def _tools(self, stream: Any) -> None:
        async for call in stream.tool_calls:
            self._tasks.append(asyncio.create_task(self._output(call)))

    async def _output(self, call: Any) -> None:
        output = await call.output
        self.tools[call.name] = (call.input, output.get("content"))

    async def _below(self, stream: Any) -> None:
        async for handle in stream.subgraphs:
            self.subgraphs.append((handle, Seen.below(handle)))

    @property
    def texts(self) -> list[str]:
        return ["".join(words).strip() for words in self.words.values()]

    async def end(self) -> None:
        """Read to the end of the run."""
        while waiting := [task for task in self._tasks if not task.done()]:
            await asyncio.wait(waiting)
        for _, below in self.subgraphs:
            await below.end()


async def test_a_conversation_and_a_reload_in_its_middle(sdk: LangGraphClient, transport: Transport, gate: Path) -> None:
    async with sdk.threads.stream(assistant_id="talk", transport=transport) as thread:
        seen = await Seen.of(thread)
        await thread.run.start(input=said("hello", gate))
        await aeventually(lambda: _is([*seen.words.values()] == [WORDS[:2]]))
        async with sdk.threads.stream(thread.thread_id, assistant_id="talk", transport=transport) as again:
            reloaded = await Seen.of(again)
            await aeventually(lambda: _is([*reloaded.words.values()] == [WORDS[:2]]))
            gate.touch()
            values = await thread.output
            assert [message["content"] for message in values["messages"]] == [
                "hello", [{"type": "text", "text": answer("hello"), "index": 0}],
            ]  # fmt: skip
            await asyncio.gather(seen.end(), reloaded.end())
        assert seen.texts == reloaded.texts == [answer("hello")]
        assert seen.nodes == ["answer"]


async def _is(condition: bool) -> bool:
    return condition


async def test_tools(sdk: LangGraphClient, transport: Transport) -> None:
    async with sdk.threads.stream(assistant_id="adder", transport=transport) as thread:
        seen = await Seen.of(thread)
        await thread.run.start(input=SAID)
        await thread.output
        await seen.end()
    assert seen.texts == ["Adding", "It is 42"]
    assert seen.tools == {"add": ({"a": 20, "b": 22}, "42")}


async def test_a_deep_agent_with_a_subagent(sdk: LangGraphClient, transport: Transport, gate: Path) -> None:
    async with sdk.threads.stream(assistant_id="team", transport=transport) as thread:
        seen = await Seen.of(thread)
        gate.with_name("gate.asked").touch()
        await thread.run.start(input={"messages": [{"role": "user", "content": str(gate)}]})
        await aeventually(lambda: _is(bool(seen.subgraphs and seen.subgraphs[0][1].tools)))
        gate.touch()
        await thread.output
        await seen.end()
    assert seen.texts == ["Asking", "The team says found 3"]
    [(handle, below)] = seen.subgraphs
    assert (handle.status, len(handle.namespace)) == ("completed", 1)
    assert [text for text in below.texts if text] == ["found 3"]
    assert below.tools == {"add": ({"a": 1, "b": 2}, "3")}


async def test_interrupts(sdk: LangGraphClient, transport: Transport) -> None:
    async with sdk.threads.stream(assistant_id="both", transport=transport) as thread:
        await thread.run.start(input={"answers": []})
        await aeventually(lambda: _is(len(thread.interrupts) == 2))
        assert [asked["value"] for asked in thread.interrupts] == ["first?", "second?"]
        for asked in list(thread.interrupts):
            await thread.run.respond(f"yes, {asked['value']}", interrupt_id=asked["interrupt_id"])
        assert (await thread.output)["answers"] == ["one: yes, first?", "two: yes, second?"]
    async with sdk.threads.stream(assistant_id="outer", transport=transport) as thread:
        await thread.run.start(input={"answers": []})
        [asked] = await aeventually(lambda: _waiting(thread))
        assert [step.partition(":")[0] for step in asked["namespace"]] == ["inner"]
        await thread.run.respond("yes")
        assert (await thread.output)["answers"] == ["one: yes"]


async def _waiting(thread: Any) -> list[Any]:
    return list(thread.interrupts)


async def test_an_error(sdk: LangGraphClient, transport: Transport) -> None:
    async with sdk.threads.stream(assistant_id="failing", transport=transport) as thread:
        await thread.run.start(input={"answers": []})
        with pytest.raises(RuntimeError, match="exploded on purpose"):
            await thread.output


def test_a_conversation_without_async(sync_sdk: SyncLangGraphClient, transport: Transport, gate: Path) -> None:
    with sync_sdk.threads.stream(assistant_id="talk", transport=transport) as thread:
        texts: list[str] = []

        def read() -> None:
            for message in thread.messages:
                threading.Thread(target=lambda: texts.append(str(message.text)), daemon=True).start()  # noqa: B023

        thread.run.start(input=said("hello", gate))
        reading = threading.Thread(target=read, daemon=True)
        reading.start()
        gate.touch()
        values: Any = thread.output
        assert values["messages"][1]["content"][0]["text"] == answer("hello")
        eventually(lambda: texts == [answer("hello")])


def test_an_interrupt_without_async(sync_sdk: SyncLangGraphClient, transport: Transport) -> None:
    with sync_sdk.threads.stream(assistant_id="ask", transport=transport) as thread:
        thread.run.start(input={"messages": [{"role": "user", "content": "well?"}]})
        eventually(lambda: thread.interrupts)
        thread.run.respond("yes")
        values: Any = thread.output
        assert values["messages"][-1]["content"] == "You decided: yes."
