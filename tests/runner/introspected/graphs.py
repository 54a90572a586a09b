"""Graphs of every kind that looks different from outside.

`typing_extensions.TypedDict` throughout: of a `typing.TypedDict` the reference has no schema on Python 3.11.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, Literal, NotRequired, Required

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AnyMessage
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_core.tools import tool
from langgraph.channels import EphemeralValue, Topic, UntrackedValue
from langgraph.func import entrypoint
from langgraph.graph import END, START, MessagesState, StateGraph, add_messages
from langgraph.managed import RemainingSteps
from langgraph.types import Command, Send
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict


def node(state: Any) -> Any:
    return {}


def of(schema: Any, **given: Any) -> StateGraph[Any, Any, Any, Any]:
    return StateGraph(schema, **given).add_node("n", node).add_edge(START, "n").add_edge("n", END)


# ---- states


class Plain(TypedDict):
    a: int
    b: Annotated[list[str], operator.add]
    c: str | None


plain = of(Plain).compile()
builder = of(Plain)
named = of(Plain).compile(name="Named")
configured = of(Plain).compile().with_config({"configurable": {"x": 1}, "tags": ["t"], "run_name": "other"})
messages = of(MessagesState).compile()


class Keys(TypedDict):
    """Required and not."""

    a: Required[int]
    b: NotRequired[Annotated[list[Any], operator.add]]
    c: Annotated[int, Field(description="more than three", gt=3)]


keys = of(Keys).compile()


class Model(BaseModel):
    """A Pydantic state."""

    a: int = 3
    b: Annotated[list[str], operator.add] = Field(default_factory=list, description="The bees")


pydantic = of(Model).compile()


class Tree(BaseModel):
    kids: list[Tree] = []


tree = of(Tree).compile()


@dataclass
class Data:
    a: int
    b: list[str] = field(default_factory=list)


dataclass_ = of(Data).compile()


class Question(TypedDict):
    q: str


class Answer(TypedDict):
    r: str


class Private(Question, Answer):
    s: float


limited = of(Private, input_schema=Question, output_schema=Answer).compile()


class Managed(TypedDict):
    a: int
    left: RemainingSteps


managed = of(Managed).compile()


class Color(Enum):
    RED = "red"


class Types(TypedDict):
    color: Color
    inner: Model
    items: list[Data]
    chat: Annotated[list[AnyMessage], add_messages]


types = of(Types).compile()


class Channels(TypedDict):
    topic: Annotated[list[str], Topic(str)]
    untracked: Annotated[int, UntrackedValue]
    ephemeral: Annotated[int, EphemeralValue]


channels = of(Channels).compile()
root = of(Annotated[list[str], operator.add]).compile()
root_dict = of(dict).compile()

# ---- what JSON Schema does not describe


class Opaque: ...


class WithOpaque(TypedDict, total=False):
    ok: int
    w: Opaque
    many: Annotated[list[Opaque], operator.add]
    f: Callable[[int], int]


opaque = of(WithOpaque).compile()
opaque_inside = of(WithOpaque, input_schema=Question, output_schema=Answer).compile()


@dataclass
class OpaqueData:
    ok: int
    w: Opaque


opaque_dataclass = of(OpaqueData).compile()


class OpaqueModel(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    ok: int = Field(alias="OK")
    w: Opaque


opaque_pydantic = of(OpaqueModel).compile()

# ---- contexts


class TypedContext(TypedDict, total=False):
    model: Annotated[str, {"x": 1}]
    n: int


@dataclass
class DataContext:
    model: Literal["a", "b"] = "a"
    prompt: str = field(default="hi", metadata={"description": "What to say"})


class ModelContext(BaseModel):
    """Documented."""

    model: str = Field("x", description="The model", json_schema_extra={"langgraph_nodes": ["n"]})
    k: int


class OpaqueContext(TypedDict):
    w: Opaque


context_typed = of(Plain, context_schema=TypedContext).compile()
context_data = of(Plain, context_schema=DataContext).compile()
context_model = of(Plain, context_schema=ModelContext).compile()
context_dict = of(Plain, context_schema=dict).compile()
context_class = of(Plain, context_schema=Opaque).compile()
context_opaque = of(Plain, context_schema=OpaqueContext).compile()

# ---- functions


@entrypoint()
async def function(x: int) -> str:
    return str(x)


@entrypoint()
def function_typed(x: Question, *, previous: Any = None, config: RunnableConfig) -> Answer:
    return {"r": ""}


@entrypoint()
def function_untyped(x):  # type: ignore[no-untyped-def]
    return x


@entrypoint(context_schema=DataContext)
def function_final(x: list[str]) -> entrypoint.final[int, str]:
    return entrypoint.final(value=1, save="")


# ---- shapes


def route(state: Plain) -> Literal["x", "y"]:
    return "x"


def command(state: Plain) -> Command[Literal["x", "__end__"]]:
    return Command(goto="x")


conditional = (
    StateGraph(Plain)
    .add_node("start", node)
    .add_node("x", node, metadata={"k": "v", "n": 1})
    .add_node("y", node, defer=True)
    .add_edge(START, "start")
    .add_conditional_edges("start", route, {"x": "x", "y": "y", "label": END})
    .add_edge("x", END)
    .add_edge("y", END)
    .compile(interrupt_before=["x"])
)
commanding = (
    StateGraph(Plain)
    .add_node("command", command)
    .add_node("x", node)
    .add_edge(START, "command")
    .add_edge("x", "command")
    .compile(interrupt_before=["x"], interrupt_after=["command"])
)
joining = (
    StateGraph(Plain)
    .add_node("a b", node)
    .add_node("b", node)
    .add_node("c", RunnableLambda(node) | RunnableLambda(node))
    .add_node("alone", node)
    .add_edge(START, "a b")
    .add_edge(START, "b")
    .add_edge(["a b", "b"], "c")
    .compile(interrupt_before="*")
)
sending = (
    StateGraph(Plain)
    .add_node("a", node)
    .add_node("x", node)
    .add_conditional_edges(START, lambda state: [Send("x", state)], ["x"])
    .add_conditional_edges("x", lambda state: "a")
    .compile()
)
leaf = of(Plain).compile(name="the leaf")
middle = StateGraph(Plain).add_node("s", leaf).add_node("z", node).add_edge(START, "s").add_edge("s", "z").compile()


def calls(state: Plain) -> Any:
    return leaf.invoke(state)


parent = (
    StateGraph(Plain)
    .add_node("p", middle)
    .add_node("q", calls)
    .add_node("w", node)
    .add_edge(START, "p")
    .add_edge("p", "q")
    .add_edge("q", "w")
    .add_edge("w", END)
    .compile()
)
twice = StateGraph(Plain).add_node("one", leaf).add_node("two", leaf).add_edge(START, "one").add_edge("one", "two").compile()


def factory(config: RunnableConfig) -> Any:
    return parent


@tool
def calculate(x: int) -> int:
    """Calculate."""
    return x


agent = create_agent(
    GenericFakeChatModel(messages=iter([])),
    [calculate],
    middleware=[HumanInTheLoopMiddleware(interrupt_on={"calculate": True})],
    context_schema=DataContext,
    name="Agent Smith",
)
