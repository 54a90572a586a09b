"""Chat graphs: one node and a streaming model."""

from __future__ import annotations

from typing import Any

from fake_models import BlocksChat, EchoChat
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage
from langgraph.graph import END, START, MessagesState, StateGraph


async def model(state: MessagesState) -> dict[str, Any]:
    return {"messages": [await EchoChat().ainvoke(state["messages"])]}


async def blocks_model(state: MessagesState) -> dict[str, Any]:
    return {"messages": [await BlocksChat().ainvoke(state["messages"])]}


def canned(state: MessagesState) -> dict[str, Any]:
    """A message that no model streamed."""
    return {"messages": [AIMessage("A canned answer.", id="canned-1")]}


async def two_models(state: MessagesState) -> dict[str, Any]:
    """One answer that is hidden from streams, one that is not, both from one node."""
    hidden = await EchoChat(tags=["nostream"]).ainvoke([HumanMessage("hidden")])
    shown = await EchoChat(tags=["shown"], metadata={"purpose": "answer"}).ainvoke([HumanMessage("shown")])
    return {"messages": [hidden, shown]}


def forget(state: MessagesState) -> dict[str, Any]:
    """Drop every message but the last."""
    return {"messages": [RemoveMessage(str(message.id)) for message in state["messages"][:-1]]}


chat = StateGraph(MessagesState).add_node(model).add_edge(START, "model").add_edge("model", END).compile()
blocks = StateGraph(MessagesState).add_node("model", blocks_model).add_edge(START, "model").add_edge("model", END).compile()
fixed = StateGraph(MessagesState).add_node(canned).add_edge(START, "canned").add_edge("canned", END).compile()
doubled = (
    StateGraph(MessagesState)
    .add_node(two_models)
    .add_node(forget)
    .add_edge(START, "two_models")
    .add_edge("two_models", "forget")
    .add_edge("forget", END)
    .compile()
)
chat_in_graph = (
    StateGraph(MessagesState)
    .add_node("inner", chat)
    .add_node(canned)
    .add_edge(START, "inner")
    .add_edge("inner", "canned")
    .add_edge("canned", END)
    .compile()
)
