"""A conversation, and a question to a human.

An answer is streamed a word at a time. When the state names a file as `gate`, its third word waits until that file exists: a client
that opens the gate only when it has read the first two words proves that it was sent them while the run was going on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import interrupt

WORDS_BEFORE_THE_GATE = 2


class Words(BaseChatModel):
    """Says one to seven, and what it was told."""

    gate: str = ""

    @property
    def _llm_type(self) -> str:
        return "words"

    def _words(self, messages: list[BaseMessage]) -> list[str]:
        return ["one ", "two ", "three ", "four ", "five ", "six ", "seven: ", str(messages[-1].text)]

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage("".join(self._words(messages))))])

    async def _astream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        for number, word in enumerate(self._words(messages)):
            while self.gate and number == WORDS_BEFORE_THE_GATE and not await asyncio.to_thread(Path(self.gate).exists):
                await asyncio.sleep(0.01)
            yield ChatGenerationChunk(message=AIMessageChunk(content=word))


class Talk(MessagesState, total=False):
    gate: str


async def answer(state: Talk) -> dict[str, Any]:
    return {"messages": [await Words(gate=state.get("gate", "")).ainvoke(state["messages"])], "gate": ""}


talk = StateGraph(Talk).add_node(answer).add_edge(START, "answer").add_edge("answer", END).compile()


def propose(state: MessagesState) -> dict[str, Any]:
    return {"messages": [AIMessage("I propose to go.")]}


def decide(state: MessagesState) -> dict[str, Any]:
    decision = interrupt({"question": "go?", "choices": ["yes", "no"]})
    return {"messages": [AIMessage(f"You decided: {decision}.")]}


ask = (
    StateGraph(MessagesState)
    .add_node(propose)
    .add_node(decide)
    .add_edge(START, "propose")
    .add_edge("propose", "decide")
    .add_edge("decide", END)
    .compile()
)
