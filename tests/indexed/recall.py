"""A graph that remembers what it is told and recalls what is nearest to it."""

from __future__ import annotations

from typing import Any

from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from typing_extensions import TypedDict


class Told(TypedDict, total=False):
    user: str
    text: str
    recalled: list[str]
    sync: list[str]


async def remember(state: Told, runtime: Runtime[None]) -> Told:
    assert runtime.store is not None
    namespace = ("graph", state["user"])
    found = await runtime.store.asearch(namespace, query=state["text"], limit=1)
    await runtime.store.aput(namespace, state["text"], {"text": state["text"]})
    return {"recalled": [item.key for item in found]}


def look_again(state: Told, runtime: Runtime[None]) -> dict[str, Any]:
    """Sync nodes run in a thread and use the same store."""
    assert runtime.store is not None
    return {"sync": sorted(item.key for item in runtime.store.search(("graph", state["user"])))}


recall = (
    StateGraph(Told)
    .add_node(remember)
    .add_node(look_again)
    .add_edge(START, "remember")
    .add_edge("remember", "look_again")
    .compile()
)
