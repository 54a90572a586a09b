"""Agents with tools and with a subagent, questions in subgraphs and several at once, a failure. The models follow a script."""

from __future__ import annotations

import asyncio
import json
import operator
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from deepagents import create_deep_agent
from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import tool
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict


class Scripted(BaseChatModel):
    """Streams what `chunks` says, a chunk at a time; the tools that it is given change nothing."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Scripted:
        return self

    def chunks(self, messages: list[BaseMessage]) -> list[AIMessageChunk]:
        raise NotImplementedError

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        first, *rest = self.chunks(messages)
        for chunk in rest:
            first = first + chunk
        whole = AIMessage(first.content, tool_calls=first.tool_calls)
        return ChatResult(generations=[ChatGeneration(message=whole)])

    async def _astream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self.chunks(messages):
            yield ChatGenerationChunk(message=chunk)


def said(text: str) -> list[AIMessageChunk]:
    return [AIMessageChunk(content=f"{word} ") for word in text.split()]


def call(name: str, arguments: str, call_id: str) -> list[AIMessageChunk]:
    return [
        AIMessageChunk(content="", tool_call_chunks=[tool_call_chunk(name=name, args="", id=call_id, index=0)]),
        AIMessageChunk(content="", tool_call_chunks=[tool_call_chunk(args=arguments, index=0)]),
    ]


class Adder(Scripted):
    def chunks(self, messages: list[BaseMessage]) -> list[AIMessageChunk]:
        if isinstance(messages[-1], ToolMessage):
            return said(f"It is {messages[-1].text}")
        return [*said("Adding"), *call("add", '{"a": 20, "b": 22}', "call-add")]


@tool
def add(a: int, b: int) -> int:
    """Add two whole numbers."""
    return a + b


adder = create_agent(Adder(), [add], name="adder")


async def there(gate: str) -> None:
    while not await asyncio.to_thread(Path(gate).exists):
        await asyncio.sleep(0.01)


class Leader(Scripted):
    """Is told the name of a file, and asks the researcher when there is one with `.asked` behind it."""

    async def _astream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        async for chunk in super()._astream(messages, *args, **kwargs):
            if chunk.message.tool_call_chunks:  # type: ignore[attr-defined]
                await there(f"{messages[-1].text}.asked")
            yield chunk

    def chunks(self, messages: list[BaseMessage]) -> list[AIMessageChunk]:
        if isinstance(messages[-1], ToolMessage):
            return said(f"The team says {messages[-1].text}")
        task = {"description": messages[-1].text, "subagent_type": "researcher"}
        return [*said("Asking"), *call("task", json.dumps(task), "call-task")]


class Researcher(Scripted):
    """Is told the name of a file, and speaks its last words when that is there."""

    async def _astream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        gate = next(message.text for message in messages if isinstance(message, HumanMessage))
        if isinstance(messages[-1], ToolMessage):
            await there(gate)
        async for chunk in super()._astream(messages, *args, **kwargs):
            yield chunk

    def chunks(self, messages: list[BaseMessage]) -> list[AIMessageChunk]:
        if isinstance(messages[-1], ToolMessage):
            return said(f"found {messages[-1].text}")
        return call("add", '{"a": 1, "b": 2}', "call-found")


team = create_deep_agent(
    Leader(),
    subagents=[{
        "name": "researcher", "description": "Finds numbers.", "system_prompt": "Find.", "model": Researcher(), "tools": [add],
    }],
)  # fmt: skip


class Answers(TypedDict, total=False):
    answers: Annotated[list[str], operator.add]


def one(state: Answers) -> Answers:
    return {"answers": [f"one: {interrupt('first?')}"]}


def two(state: Answers) -> Answers:
    return {"answers": [f"two: {interrupt('second?')}"]}


both = StateGraph(Answers).add_node(one).add_node(two).add_edge(START, "one").add_edge(START, "two").compile()
_inner = StateGraph(Answers).add_node(one).add_edge(START, "one").add_edge("one", END).compile()
outer = StateGraph(Answers).add_node("inner", _inner).add_edge(START, "inner").add_edge("inner", END).compile()


def explode(state: Answers) -> Answers:
    raise ValueError("exploded on purpose")


failing = StateGraph(Answers).add_node(explode).add_edge(START, "explode").compile()
