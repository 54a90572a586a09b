"""Control flow: steps, limited output, subgraphs, Send, Command, custom events, context, errors, sleeps."""

from __future__ import annotations

import asyncio
import operator
from dataclasses import dataclass
from typing import Annotated, Literal

from langchain_core.runnables import RunnableConfig
from langgraph.config import get_config, get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command, Send
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    text: str
    steps: Annotated[list[str], operator.add]


def first(state: State) -> State:
    return {"steps": ["first"]}


def second(state: State) -> State:
    return {"text": state.get("text", "") + "!", "steps": ["second"]}


def _steps() -> StateGraph[State, None, State, State]:
    return (
        StateGraph(State)
        .add_node(first)
        .add_node(second)
        .add_edge(START, "first")
        .add_edge("first", "second")
        .add_edge("second", END)
    )


steps = _steps().compile()
builder = _steps()  # an uncompiled builder: the server compiles it


def factory(config: RunnableConfig) -> StateGraph[State, None, State, State]:
    """A graph made for each run."""
    return _steps()


class Question(TypedDict):
    question: str


class Answer(TypedDict):
    answer: str


class Thought(Question, Answer):
    secret: str


def think(state: Question) -> dict[str, str]:
    return {"secret": f"thinking about {state['question']}"}


def answer(state: Thought) -> dict[str, str]:
    return {"answer": state["secret"].upper()}


limited = (
    StateGraph(Thought, input_schema=Question, output_schema=Answer)
    .add_node(think)
    .add_node(answer)
    .add_edge(START, "think")
    .add_edge("think", "answer")
    .add_edge("answer", END)
    .compile()
)

# ---- subgraphs, two levels


def leaf(state: State) -> State:
    get_stream_writer()({"leaf": "custom"})
    return {"steps": ["leaf"]}


inner = StateGraph(State).add_node(leaf).add_edge(START, "leaf").add_edge("leaf", END).compile()


def before(state: State) -> State:
    return {"steps": ["before"]}


middle = (
    StateGraph(State)
    .add_node(before)
    .add_node("inner", inner)
    .add_edge(START, "before")
    .add_edge("before", "inner")
    .add_edge("inner", END)
    .compile()
)


def last(state: State) -> State:
    return {"text": "done"}


nested = (
    StateGraph(State)
    .add_node("middle", middle)
    .add_node(last)
    .add_edge(START, "middle")
    .add_edge("middle", "last")
    .add_edge("last", END)
    .compile()
)

# ---- Send and Command


class Fan(TypedDict, total=False):
    items: list[str]
    done: Annotated[list[str], operator.add]


def scatter(state: Fan) -> list[Send]:
    return [Send("work", {"item": item}) for item in state["items"]]


def work(state: dict[str, str]) -> Fan:
    return {"done": [state["item"].upper()]}


def gather(state: Fan) -> Fan:
    return {"done": [f"{len(state['done'])} done"]}


fanout = (
    StateGraph(Fan)
    .add_node("work", work, input_schema=dict)  # type: ignore[type-var]
    .add_node(gather)
    .add_conditional_edges(START, scatter, ["work"])
    .add_edge("work", "gather")
    .add_edge("gather", END)
    .compile()
)


def route(state: State) -> Command[Literal["left", "right"]]:
    return Command(goto="left" if state.get("text") == "left" else "right", update={"steps": ["route"]})


def left(state: State) -> State:
    return {"steps": ["left"]}


def right(state: State) -> State:
    return {"steps": ["right"]}


routes = StateGraph(State).add_node(route).add_node(left).add_node(right).add_edge(START, "route").compile()

# ---- custom events, context, configuration


def progress(state: State) -> State:
    write = get_stream_writer()
    write("a string")
    write({"percent": 50})
    write(["a", "list", 3])
    return {"steps": ["progress"]}


custom = StateGraph(State).add_node(progress).add_edge(START, "progress").add_edge("progress", END).compile()


@dataclass
class Settings:
    tone: str = "plain"
    times: int = 1


def speak(state: State, runtime: Runtime[Settings]) -> State:
    context = runtime.context
    configurable = {k: v for k, v in get_config()["configurable"].items() if k in ("tone", "times", "color")}
    return {"text": f"{context.tone} x{context.times}", "steps": [f"{k}={v}" for k, v in sorted(configurable.items())]}


configured = StateGraph(State, context_schema=Settings).add_node(speak).add_edge(START, "speak").add_edge("speak", END).compile()

# ---- errors and time


class RefusalError(Exception):
    """A graph's own exception."""


def explode(state: State) -> State:
    match state.get("text"):
        case "own":
            raise RefusalError("refused: own", {"code": 7})
        case "fine":
            return {"steps": ["fine"]}
        case "key":
            raise KeyError("missing")
        case _:
            raise ValueError("exploded on purpose")


failing = (
    StateGraph(State)
    .add_node(first)
    .add_node(explode)
    .add_edge(START, "first")
    .add_edge("first", "explode")
    .add_edge("explode", END)
    .compile()
)

failing_in_graph = (
    StateGraph(State)
    .add_node("inner", failing)
    .add_node(last)
    .add_edge(START, "inner")
    .add_edge("inner", "last")
    .add_edge("last", END)
    .compile()
)


class Nap(TypedDict, total=False):
    seconds: float
    steps: Annotated[list[str], operator.add]


def start_nap(state: Nap) -> Nap:
    return {"steps": ["start"]}


async def nap(state: Nap) -> Nap:
    await asyncio.sleep(state.get("seconds", 0.5))
    return {"steps": ["nap"]}


def wake(state: Nap) -> Nap:
    return {"steps": ["wake"]}


slow = (
    StateGraph(Nap)
    .add_node("start", start_nap)
    .add_node(nap)
    .add_node(wake)
    .add_edge(START, "start")
    .add_edge("start", "nap")
    .add_edge("nap", "wake")
    .add_edge("wake", END)
    .compile()
)


def spin(state: State) -> State:
    return {"steps": ["spin"]}


endless = StateGraph(State).add_node(spin).add_edge(START, "spin").add_edge("spin", "spin").compile()
