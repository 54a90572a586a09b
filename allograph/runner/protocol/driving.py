"""How the graph of a run is driven that the protocol started: LangGraph's own `astream_events(version="v3")`.

LangGraph makes the events. What is left to do here: have it tell of every channel, since clients subscribe later than the run
starts; give each event an address that concurrent messages do not share; and say of each state which checkpoint holds it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from dataclasses import fields
from typing import Any, ClassVar

from langchain_core._api.beta_decorator import suppress_langchain_beta_warning
from langchain_core.language_models._compat_bridge import message_to_events
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.runnables import RunnableConfig
from langgraph.stream import ProtocolEvent, StreamChannel, StreamTransformer
from langgraph.types import Command

from allograph.runner.classic import Chunk
from allograph.runner.graphs import Graph
from allograph.runner.protocol.events import checkpoint_envelope

MODES = ["values", "updates", "messages", "tools", "lifecycle", "custom", "tasks", "checkpoints"]
"""The `stream_mode` of a run that the protocol started; the classic API knows no `lifecycle`."""

COMPANION_SECONDS = 0.05
"""How long a state waits for its checkpoint, which LangGraph announces right behind it, if it announces one."""


def is_protocol(kwargs: dict[str, Any]) -> bool:
    """Whether a run was started through the protocol."""
    return "lifecycle" in kwargs["stream_mode"]


class EveryChannel(StreamTransformer):
    """Asks the graph for every mode, and shows tasks, which LangGraph's own transformers take out of the stream."""

    _native = True
    required_stream_modes: ClassVar[tuple[str, ...]] = ("values", "updates", "messages", "tools", "custom", "tasks", "checkpoints")

    def __init__(self, scope: tuple[str, ...] = ()) -> None:
        super().__init__(scope)
        self._tasks: StreamChannel[dict[str, Any]] = StreamChannel("tasks")

    def init(self) -> dict[str, Any]:
        return {"allograph_tasks": self._tasks}

    def process(self, event: ProtocolEvent) -> bool:
        if event["method"] == "tasks" and not self.scope:
            params = event["params"]
            self._tasks.push({"namespace": params["namespace"], "task": params["data"]})
        return True


async def drive(
    graph: Graph, payload: Any, config: RunnableConfig, kwargs: dict[str, Any], context: Any
) -> AsyncGenerator[Chunk, None]:
    """Run the graph to its end."""
    with suppress_langchain_beta_warning():
        stream = await graph.astream_events(
            payload, config, version="v3", transformers=[EveryChannel],
            interrupt_before=kwargs["interrupt_before"], interrupt_after=kwargs["interrupt_after"],
            durability=kwargs["durability"], context=context,
        )  # fmt: skip
    async with stream:
        async for chunk in _behind_checkpoints(_addressed(aiter(stream))):
            yield chunk


async def _addressed(events: AsyncIterator[ProtocolEvent]) -> AsyncGenerator[Chunk, None]:
    """Events with the namespace that they are about; messages are split into what the protocol knows of them."""
    graphs: dict[tuple[str, ...], str] = {}
    messages: dict[str, str] = {}
    async for event in events:
        method, params = event["method"], event["params"]
        namespace, data = tuple(params["namespace"]), params["data"]
        if method == "messages":
            payload, metadata = data
            for one in _message_events(payload, metadata, messages):
                yield namespace, "messages", one
        elif method == "tasks":
            yield tuple(data["namespace"]), "tasks", data["task"]
        elif method == "lifecycle":
            namespace = tuple(data["namespace"])
            if data["event"] == "started":
                graphs[namespace] = data.get("graph_name", "")
            else:
                data = {key: value for key, value in data.items() if key != "namespace"} | {"graph_name": graphs.get(namespace, "")}
            yield namespace, "lifecycle", data
        elif method == "tools" and isinstance(data.get("output"), Command):
            # Clients look into a command for the tool's message, and know a command by this name.
            command = {field.name: getattr(data["output"], field.name) for field in fields(data["output"])}
            yield namespace, method, {**data, "output": {"lg_name": "Command", **command}}
        else:
            yield namespace, method, data


def _message_events(payload: Any, metadata: dict[str, Any], messages: dict[str, str]) -> Iterator[dict[str, Any]]:
    """A streamed message's events as they come, or all events of a message that came whole.

    Each says which message it belongs to: several may be written at once under one namespace.
    """
    whole = isinstance(payload, AIMessage) and not isinstance(payload, AIMessageChunk)
    if not whole and not (isinstance(payload, dict) and "event" in payload):
        return
    call = str(metadata.get("run_id", ""))
    given: Any = message_to_events(payload, message_id=payload.id) if whole else [payload]
    for one in given:
        event: dict[str, Any] = dict(one)
        if event["event"] == "message-start":
            messages[call] = event["id"]
            about = {
                "langgraph_node": metadata.get("langgraph_node"), "provider": metadata.get("ls_provider"),
                "model": metadata.get("ls_model_name"),
            }  # fmt: skip
            event["metadata"] = {**{key: value for key, value in about.items() if value}, **event.get("metadata", {})}
        elif call in messages:
            event["message_id"] = messages[call]
            if event["event"] in ("message-finish", "error"):
                del messages[call]
        yield event


async def _behind_checkpoints(chunks: AsyncGenerator[Chunk, None]) -> AsyncGenerator[Chunk, None]:
    """Each state behind the checkpoint that holds it: clients pair the two in this order.

    LangGraph announces the checkpoint of a super-step at once behind its state.
    """
    held: Chunk | None = None
    coming: asyncio.Future[Chunk] | None = None
    try:
        while True:
            if held:
                coming = asyncio.ensure_future(anext(chunks))
                await asyncio.wait([coming], timeout=COMPANION_SECONDS)
                if not coming.done():
                    yield held
                    held = None
            try:
                namespace, mode, data = await (coming or anext(chunks))
            except StopAsyncIteration:
                break
            coming = None
            if mode == "checkpoints":
                yield namespace, mode, checkpoint_envelope(data)
                if held and held[0] != namespace:
                    continue
            if held:
                yield held
                held = None
            if mode == "values":
                held = namespace, mode, data
            elif mode != "checkpoints":
                yield namespace, mode, data
        if held:
            yield held
    finally:
        if coming:
            coming.cancel()
            await asyncio.wait([coming])
        await chunks.aclose()


def rows(namespace: tuple[str, ...], mode: str, chunk: Any) -> Iterator[tuple[str, Any]]:
    """What of a chunk is logged: an event name with a payload."""
    yield f"{mode}|{'|'.join(namespace)}" if namespace else mode, chunk
