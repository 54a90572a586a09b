"""Static interrupts after a crash.

A graph that stopped at one leaves no word of it in its checkpoint: a worker that takes the run over, and goes on from there as
LangGraph resumes, would walk past it. So it asks the question that LangGraph asked (`should_interrupt` in langgraph.pregel._algo).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.constants import TAG_HIDDEN
from langgraph.types import PregelTask

from allograph.runner.graphs import Graph

INTERRUPT = "__interrupt__"
"""The name under which a checkpoint keeps what had been seen at the last interrupt."""

Nodes = Literal["*"] | Sequence[str]


async def stopped(graph: Graph, config: RunnableConfig, newest: CheckpointTuple, before: Nodes | None, after: Nodes | None) -> bool:
    """Whether a graph that wrote its checkpoint `newest` stops there, for it is told to before or after some nodes."""
    before, after = before or graph.interrupt_before_nodes, after or graph.interrupt_after_nodes
    if not (before or after) or not _updated(newest):
        return False
    snapshot = await graph.aget_state(config)
    if not snapshot.next:
        return False
    if _among(graph, snapshot.tasks, before):
        return True
    if not after or newest.metadata.get("source") != "loop" or snapshot.parent_config is None:
        return False
    # The tasks of the step that led here are those that the checkpoint before it was waiting for.
    earlier = await graph.aget_state(
        {**config, "configurable": {**config["configurable"], **snapshot.parent_config["configurable"]}}
    )
    return _among(graph, earlier.tasks, after)


def _updated(newest: CheckpointTuple) -> bool:
    """Whether anything was written since the last interrupt."""
    seen: dict[str, Any] = newest.checkpoint["versions_seen"].get(INTERRUPT, {})
    return any(version > seen.get(name, type(version)()) for name, version in newest.checkpoint["channel_versions"].items())


def _among(graph: Graph, tasks: Iterable[PregelTask], nodes: Nodes) -> bool:
    if nodes == "*":
        return any(TAG_HIDDEN not in (graph.nodes[task.name].tags or ()) for task in tasks if task.name in graph.nodes)
    return any(task.name in nodes for task in tasks)
