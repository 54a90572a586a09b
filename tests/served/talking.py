"""Graphs for clients: a conversation, a question to a human, a context, recursion without end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage
from langgraph.func import entrypoint
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import interrupt
from typing_extensions import TypedDict


async def answer(state: MessagesState) -> dict[str, Any]:
    said = [str(message.content) for message in state["messages"] if message.type == "human"]
    return {"messages": [AIMessage(f"{len(said)}: {said[-1]}")]}


talk = StateGraph(MessagesState).add_node(answer).add_edge(START, "answer").add_edge("answer", END).compile()


class Approval(TypedDict, total=False):
    question: str
    answer: str


def ask_human(state: Approval) -> Approval:
    return {"answer": f"said {interrupt({'question': state['question']})}"}


ask = StateGraph(Approval).add_node(ask_human).add_edge(START, "ask_human").add_edge("ask_human", END).compile()


@dataclass
class Who:
    name: str = "nobody"


class Greeting(TypedDict, total=False):
    text: str


def hello(state: Greeting, runtime: Runtime[Who]) -> Greeting:
    return {"text": f"hello {runtime.context.name}"}


greet = StateGraph(Greeting, context_schema=Who).add_node(hello).add_edge(START, "hello").add_edge("hello", END).compile()


@entrypoint()
async def shout(words: str) -> str:
    """Takes a string and returns one: neither is an object."""
    return words.upper()
