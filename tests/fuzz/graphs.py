"""Small graphs that end at once, whatever they are given: what is fuzzed is the server around them."""

from __future__ import annotations

import asyncio
import operator
from typing import Annotated, Any

import langgraph.config
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langgraph.func import entrypoint
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict


class Words(BaseChatModel):
    """Streams three words."""

    @property
    def _llm_type(self) -> str:
        return "words"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage("so be it"))])

    def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Any:
        for word in ("so ", "be ", "it"):
            yield ChatGenerationChunk(message=AIMessageChunk(word))


async def answer(state: MessagesState) -> dict[str, Any]:
    return {"messages": [await Words().ainvoke(state["messages"])]}


chat = StateGraph(MessagesState).add_node(answer).add_edge(START, "answer").add_edge("answer", END).compile()


class Steps(TypedDict, total=False):
    text: Any
    trail: Annotated[list[Any], operator.add]


async def first(state: Steps) -> Steps:
    langgraph.config.get_stream_writer()({"seen": state.get("text")})
    return {"trail": ["first"]}


async def inner(state: Steps) -> Steps:
    return {"trail": ["inner"]}


async def last(state: Steps) -> Steps:
    return {"trail": [state.get("text")]}


_second = StateGraph(Steps).add_node(inner).add_edge(START, "inner").add_edge("inner", END).compile()

steps = (
    StateGraph(Steps).add_node(first).add_node("second", _second).add_node(last)
    .add_edge(START, "first").add_edge("first", "second").add_edge("second", "last").add_edge("last", END).compile()
)  # fmt: skip


async def ask(state: Steps) -> Steps:
    return {"trail": [interrupt({"question": state.get("text")})]}


asking = StateGraph(Steps).add_node(ask).add_edge(START, "ask").add_edge("ask", END).compile()


async def nap(state: Steps) -> Steps:
    await asyncio.sleep(1)
    return {"trail": ["nap"]}


slow = StateGraph(Steps).add_node(nap).add_edge(START, "nap").add_edge("nap", END).compile()


@entrypoint()
async def anything(given: Any) -> Any:
    """Its state is any JSON value."""
    return given


def embed(texts: list[str]) -> list[list[float]]:
    """A meaning for each text: its length, its first character, and one."""
    return [[float(len(text)), float(ord(text[0])) if text else 0.0, 1.0] for text in texts]
