"""Two nodes in a row that do nothing: what is left is what a run costs."""

from __future__ import annotations

from typing import TypedDict

from langgraph.graph import END, START, StateGraph


class State(TypedDict, total=False):
    number: int
    text: str


async def first(state: State) -> State:
    return {"number": state.get("number", 0) + 1}


async def second(state: State) -> State:
    return {"text": f"number {state['number']}"}


two_nodes = (
    StateGraph(State)
    .add_node(first)
    .add_node(second)
    .add_edge(START, "first")
    .add_edge("first", "second")
    .add_edge("second", END)
    .compile()
)
