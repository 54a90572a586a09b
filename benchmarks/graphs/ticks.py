"""One node that streams as many events as it is asked for, each with the moment at which it was sent."""

from __future__ import annotations

import asyncio
import time
from typing import TypedDict

from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph


class State(TypedDict, total=False):
    events: int
    pause: float
    """Seconds between two events."""


async def tick(state: State) -> State:
    writer = get_stream_writer()
    for _ in range(state["events"]):
        writer({"sent": time.time_ns(), "text": "as long as a token with what is said about it " * 4})
        await asyncio.sleep(state.get("pause", 0))
    return {}


ticks = StateGraph(State).add_node(tick).add_edge(START, "tick").add_edge("tick", END).compile()
