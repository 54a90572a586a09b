"""Graphs with known answers: each step appends a numbered entry, so that repeats, losses and reordering show.

`journal` names a file to which each execution of a step appends its entry at once: what ran, checkpoint or not.
`gate` names a file for which the step of number `gate_at` waits.
"""

from __future__ import annotations

import asyncio
import operator
import os
import signal
import threading
import time
from pathlib import Path
from typing import Annotated

from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict


class Count(TypedDict, total=False):
    tag: str
    steps: int
    done: int
    seconds: float
    journal: str
    gate: str
    gate_at: int
    entries: Annotated[list[str], operator.add]


def begin(state: Count) -> Count:
    return {"done": 0}


async def step(state: Count) -> Count:
    number = state["done"] + 1
    entry = f"{state.get('tag', 'x')}{number}"
    get_stream_writer()({"entry": entry})
    _note(state, entry)
    if state.get("gate") and number == state.get("gate_at", 2):
        while not await asyncio.to_thread(Path(state["gate"]).exists):
            await asyncio.sleep(0.02)
    await asyncio.sleep(state.get("seconds", 0))
    return {"done": number, "entries": [entry]}


def _note(state: Count, entry: str) -> None:
    if journal := state.get("journal"):
        descriptor = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, f"{entry}\n".encode())
        os.close(descriptor)


def more(state: Count) -> str:
    return "step" if state["done"] < state.get("steps", 3) else END


count = (
    StateGraph(Count)
    .add_node(begin)
    .add_node(step)
    .add_edge(START, "begin")
    .add_edge("begin", "step")
    .add_conditional_edges("step", more, ["step", END])
    .compile()
)


def sleep(state: Count) -> Count:
    """A plain function that blocks: it must not hold up the server."""
    time.sleep(state.get("seconds", 1))
    return {"entries": ["slept"]}


sleeper = StateGraph(Count).add_node(sleep).add_edge(START, "sleep").add_edge("sleep", END).compile()


async def block(state: Count) -> Count:
    """A coroutine that blocks the event loop: nothing else of the server moves meanwhile."""
    _note(state, "blocked")
    time.sleep(state.get("seconds", 1))  # noqa: ASYNC251
    return {"entries": ["blocked"]}


blocker = StateGraph(Count).add_node(block).add_edge(START, "block").add_edge("block", END).compile()

_lock = threading.Lock()
_inside = 0


class Crowd(TypedDict, total=False):
    seconds: float
    inside: int


async def enter(state: Crowd) -> Crowd:
    """Tell how many runs were in here when this one came."""
    global _inside
    with _lock:
        _inside += 1
        inside = _inside
    await asyncio.sleep(state.get("seconds", 0.1))
    with _lock:
        _inside -= 1
    return {"inside": inside}


crowd = StateGraph(Crowd).add_node(enter).add_edge(START, "enter").add_edge("enter", END).compile()


class Flood(TypedDict, total=False):
    events: int
    size: int
    rounds: int
    seconds: float


async def pour(state: Flood) -> Flood:
    """Write `events` custom events of `size` bytes as fast as the loop takes them; tell how long that took, over all `rounds`."""
    write = get_stream_writer()
    began = time.monotonic()
    for number in range(state["events"]):
        write({"number": number, "filling": "x" * state["size"]})
        await asyncio.sleep(0)
    return {"rounds": state.get("rounds", 1) - 1, "seconds": state.get("seconds", 0) + time.monotonic() - began}


flood = (
    StateGraph(Flood)
    .add_node(pour)
    .add_edge(START, "pour")
    .add_conditional_edges("pour", lambda state: "pour" if state["rounds"] > 0 else END, ["pour", END])
    .compile()
)


def kill(state: Count) -> Count:
    """Takes its server with it."""
    _note(state, "killed")
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


deadly = StateGraph(Count).add_node(kill).add_edge(START, "kill").add_edge("kill", END).compile()
