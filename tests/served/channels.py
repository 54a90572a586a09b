"""Graphs for the thread-centric protocol: something on every channel, two messages at once, questions with a way to go on."""

from __future__ import annotations

import asyncio
import operator
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import tool
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.stream import ProtocolEvent, StreamChannel, StreamTransformer
from langgraph.types import interrupt
from typing_extensions import TypedDict


@tool
def double(number: int) -> int:
    """Twice the number."""
    return 2 * number


def plan(state: MessagesState) -> dict[str, Any]:
    get_stream_writer()({"percent": 50})
    return {"messages": [AIMessage("", tool_calls=[{"name": "double", "args": {"number": 21}, "id": "call-1"}])]}


class Nodes(StreamTransformer):
    """A channel of the graph's own: which nodes have updated the state."""

    required_stream_modes = ("updates",)

    def __init__(self, scope: tuple[str, ...] = ()) -> None:
        super().__init__(scope)
        self._nodes: StreamChannel[dict[str, Any]] = StreamChannel("nodes")

    def init(self) -> dict[str, Any]:
        return {"nodes": self._nodes}

    def process(self, event: ProtocolEvent) -> bool:
        if event["method"] == "updates" and not event["params"]["namespace"]:
            self._nodes.push({"nodes": sorted(event["params"]["data"])})
        return True


channels = (
    StateGraph(MessagesState)
    .add_node(plan)
    .add_node("act", ToolNode([double]))
    .add_edge(START, "plan")
    .add_edge("plan", "act")
    .add_edge("act", END)
    .compile(transformers=[Nodes])
)


class Slowly(BaseChatModel):
    """Says three words, and between them lets others speak; waits for the file `gate` behind the second."""

    voice: str
    gate: str = ""

    @property
    def _llm_type(self) -> str:
        return "slowly"

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(f"{self.voice} {self.voice} {self.voice}"))])

    async def _astream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        for number, word in enumerate((f"{self.voice} ", f"{self.voice} ", self.voice)):
            while self.gate and number == 2 and not await asyncio.to_thread(Path(self.gate).exists):
                await asyncio.sleep(0.01)
            yield ChatGenerationChunk(message=AIMessageChunk(content=word))
            await asyncio.sleep(0.05)


class Choir(MessagesState, total=False):
    gate: str


async def high(state: Choir) -> dict[str, Any]:
    return {"messages": [await Slowly(voice="la", gate=state.get("gate", "")).ainvoke("sing")]}


async def low(state: Choir) -> dict[str, Any]:
    return {"messages": [await Slowly(voice="do").ainvoke("sing")]}


choir = (
    StateGraph(Choir)
    .add_node(high)
    .add_node(low)
    .add_edge(START, "high")
    .add_edge(START, "low")
    .add_edge("high", END)
    .add_edge("low", END)
    .compile()
)


class Trip(TypedDict, total=False):
    place: str
    notes: Annotated[list[str], operator.add]


def choose(state: Trip) -> Trip:
    return {"place": interrupt("where to?")}


def travel(state: Trip) -> Trip:
    return {"notes": [f"to {state['place']}"]}


def rest(state: Trip) -> Trip:
    return {"notes": ["rested"]}


trip = (
    StateGraph(Trip)
    .add_node(choose)
    .add_node(travel)
    .add_node(rest)
    .add_edge(START, "choose")
    .add_edge("choose", "travel")
    .add_edge("travel", END)
    .add_edge("rest", END)
    .compile()
)
