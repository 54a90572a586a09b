"""How the graph of a run is driven that the classic API started: `astream` with the modes that the client asked for."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Iterator
from typing import Any, cast
from uuid import UUID

from langchain_core.runnables import RunnableConfig

from allograph.runner.graphs import Graph
from allograph.runner.messages import MessageGatherer
from allograph.runner.state import checkpoint_of

Chunk = tuple[tuple[str, ...], str, Any]
"""What a driven graph gives: namespace, mode, payload."""

# LangGraph's own modes behind the names that clients ask for.
_NATIVE = {"messages": "messages", "messages-tuple": "messages"}
# Always asked of the graph: the last `values` is the run's output, and only `updates` tells of a static interrupt.
_NEEDED = ("values", "updates")


async def drive(
    graph: Graph, payload: Any, config: RunnableConfig, kwargs: dict[str, Any], context: Any, run_id: UUID
) -> AsyncGenerator[Chunk, None]:
    """Run the graph to its end."""
    modes: list[str] = kwargs["stream_mode"]
    native = {_NATIVE.get(mode, mode) for mode in modes if mode != "events"}
    subgraphs = bool(kwargs["subgraphs"])
    options: dict[str, Any] = {
        "stream_mode": sorted({*native, *_NEEDED}),
        "output_keys": graph.output_channels,
        "interrupt_before": kwargs["interrupt_before"],
        "interrupt_after": kwargs["interrupt_after"],
        "durability": kwargs["durability"],
        "context": context,
        "subgraphs": subgraphs,
    }
    if "events" not in modes:
        async with contextlib.aclosing(cast(AsyncGenerator[Any, None], graph.astream(payload, config, **options))) as chunks:
            async for chunk in chunks:
                yield chunk if subgraphs else ((), *chunk)
        return
    root = str(run_id)
    async for event in graph.astream_events(payload, config, version="v2", **options):
        if event["event"] == "on_chain_stream" and event["run_id"] == root:
            chunk = event["data"]["chunk"]
            yield chunk if subgraphs else ((), *chunk)
        else:
            yield (), "events", event


class Rows:
    """What of a chunk is logged: event names with payloads."""

    def __init__(self, modes: list[str]) -> None:
        self.modes = modes
        self._gatherer = MessageGatherer()

    def of(self, namespace: tuple[str, ...], mode: str, chunk: Any) -> Iterator[tuple[str, Any]]:
        where = f"|{'|'.join(namespace)}" if namespace else ""
        if mode == "messages":
            message, metadata = chunk
            if "messages-tuple" in self.modes:
                yield f"messages{where}", [message, metadata]
            elif "messages" in self.modes:
                # Without the namespace: a client of this mode gathers messages by their ids, wherever they come from.
                yield from self._gatherer.events(message, metadata)
        elif mode in self.modes:
            yield f"{mode}{where}", _shown(mode, chunk)


def _shown(mode: str, chunk: Any) -> Any:
    """A chunk without what LangGraph keeps in configs for itself."""
    if mode == "checkpoints":
        return {**chunk, "config": _public(chunk["config"]), "parent_config": _public(chunk["parent_config"])}
    if mode == "debug" and chunk["type"] == "checkpoint":
        payload = chunk["payload"]
        shown = _shown("checkpoints", payload)
        shown["tasks"] = [_debug_task(task) for task in payload["tasks"]]
        shown["checkpoint"] = checkpoint_of(payload["config"])
        shown["parent_checkpoint"] = checkpoint_of(payload["parent_config"])
        return {**chunk, "payload": shown}
    return chunk


def _debug_task(task: dict[str, Any]) -> dict[str, Any]:
    """A task whose child has a checkpoint of its own says where, instead of showing LangGraph's config of it."""
    if not (isinstance(task.get("state"), dict) and "configurable" in task["state"]):
        return task
    return {key: value for key, value in task.items() if key != "state"} | {"checkpoint": task["state"]["configurable"]}


def _public(config: RunnableConfig | None) -> Any:
    if not config:
        return None
    return {"configurable": {key: v for key, v in config["configurable"].items() if not key.startswith("__pregel_")}}
