"""Interrupts: one node that asks twice, two nodes that ask at once, one inside a subgraph."""

from __future__ import annotations

import operator
from typing import Annotated

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    text: str
    answers: Annotated[list[str], operator.add]


def ask(state: State) -> State:
    name = interrupt({"question": "name?"})
    age = interrupt({"question": "age?", "name": name})
    return {"answers": [f"{name} is {age}"]}


def finish(state: State) -> State:
    return {"text": "finished"}


asking = (
    StateGraph(State)
    .add_node(ask)
    .add_node(finish)
    .add_edge(START, "ask")
    .add_edge("ask", "finish")
    .add_edge("finish", END)
    .compile()
)


def one(state: State) -> State:
    return {"answers": [f"one: {interrupt('first?')}"]}


def two(state: State) -> State:
    return {"answers": [f"two: {interrupt('second?')}"]}


parallel = (
    StateGraph(State)
    .add_node(one)
    .add_node(two)
    .add_node(finish)
    .add_edge(START, "one")
    .add_edge(START, "two")
    .add_edge(["one", "two"], "finish")
    .add_edge("finish", END)
    .compile()
)

_inner = StateGraph(State).add_node(one).add_edge(START, "one").add_edge("one", END).compile()
nested = (
    StateGraph(State)
    .add_node("inner", _inner)
    .add_node(finish)
    .add_edge(START, "inner")
    .add_edge("inner", "finish")
    .add_edge("finish", END)
    .compile()
)
