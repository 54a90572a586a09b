"""Graphs whose final states are known: inputs and steps append numbered entries, so that repeats, losses and reordering show."""

from __future__ import annotations

import asyncio
import operator
from typing import Annotated, Any

from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict


class Ledger(TypedDict, total=False):
    tag: str
    steps: int
    seconds: float
    done: int
    entries: Annotated[list[str], operator.add]


def begin(state: Ledger) -> Ledger:
    return {"done": 0}


async def step(state: Ledger) -> Ledger:
    number = state["done"] + 1
    get_stream_writer()({"entry": f"{state['tag']}:{number}"})
    await asyncio.sleep(state.get("seconds", 0))
    return {"done": number, "entries": [f"{state['tag']}:{number}"]}


def more(state: Ledger) -> str:
    return "step" if state["done"] < state["steps"] else END


ledger = (
    StateGraph(Ledger)
    .add_node(begin)
    .add_node(step)
    .add_edge(START, "begin")
    .add_edge("begin", "step")
    .add_conditional_edges("step", more, ["step", END])
    .compile()
)


async def ask(state: Ledger) -> Ledger:
    """Asks one question after the other, in one node: an answer that is applied twice answers the next question, too."""
    answers: list[Any] = []
    for number in range(1, state["steps"] + 1):
        answers.append(interrupt({"question": number}))
        await asyncio.sleep(state.get("seconds", 0))
    return {"entries": [f"{state['tag']}:{number}={answer}" for number, answer in enumerate(answers, 1)]}


quiz = StateGraph(Ledger).add_node(ask).add_edge(START, "ask").add_edge("ask", END).compile()


async def question(state: Ledger) -> Ledger:
    """Asks the next question: each has an interrupt of its own, which an answer can name."""
    number = state["done"] + 1
    answer = interrupt({"question": number})
    await asyncio.sleep(state.get("seconds", 0))
    return {"done": number, "entries": [f"{state['tag']}:{number}={answer}"]}


interview = (
    StateGraph(Ledger)
    .add_node(begin)
    .add_node(question)
    .add_edge(START, "begin")
    .add_edge("begin", "question")
    .add_conditional_edges("question", more, {"step": "question", END: END})
    .compile()
)
