"""The ways in which a graph may be given to a server, and what it may ask for: a store, a typed state."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from pydantic import BaseModel
from typing_extensions import TypedDict


class Note(TypedDict, total=False):
    key: str
    text: str
    found: str | None


async def remember(state: Note, runtime: Runtime[None]) -> Note:
    """Look up `key` in the server's store, then write `text` there."""
    assert runtime.store is not None
    item = await runtime.store.aget(("notes",), state["key"])
    await runtime.store.aput(("notes",), state["key"], {"text": state["text"]})
    return {"found": item.value["text"] if item else None}


def _notes() -> StateGraph[Note, None, Note, Note]:
    return StateGraph(Note).add_node(remember).add_edge(START, "remember").add_edge("remember", END)


memory = _notes().compile()


@asynccontextmanager
async def managed() -> AsyncIterator[CompiledStateGraph[Note, None, Note, Note]]:
    """A graph that lives inside a context manager."""
    yield _notes().compile()


class Order(BaseModel):
    item: str
    count: int = 1
    notes: list[str] = []


def check(state: Order) -> dict[str, object]:
    return {"count": state.count + 1, "notes": [*state.notes, f"{type(state).__name__}: {state.item}"]}


typed = StateGraph(Order).add_node(check).add_edge(START, "check").add_edge("check", END).compile()
