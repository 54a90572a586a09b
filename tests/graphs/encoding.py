"""A state of every type that a graph may hold, to see how a server writes it as JSON."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import pathlib
import uuid
from dataclasses import dataclass
from typing import Any, NamedTuple

from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel
from typing_extensions import TypedDict


class Color(enum.Enum):
    RED = "red"


class Model(BaseModel):
    name: str = "n"
    when: dt.datetime = dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


@dataclass
class Point:
    x: int = 1
    y: float = 2.0


class Pair(NamedTuple):
    a: int
    b: str


class Odd:
    """Nothing knows how to serialise this."""

    def __repr__(self) -> str:
        return "<odd>"


VALUES: dict[str, Any] = {
    "bytes": b"raw \xff",
    "bytes_text": b"plain",
    "date": dt.date(2024, 1, 2),
    "datetime_naive": dt.datetime(2024, 1, 2, 3, 4, 5, 678900),
    "datetime_utc": dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
    "decimal": decimal.Decimal("1.50"),
    "dataclass": Point(),
    "document": Document("text", metadata={"k": 1}),
    "enum": Color.RED,
    "exception": ValueError("bad", 1),
    "float_inf": float("inf"),
    "float_nan": float("nan"),
    "float_whole": 2.0,
    "int_big": 2**60,
    "keys": {1: "one", None: "none", False: "false", 2.5: "float"},
    "messages": [
        HumanMessage("h", id="1"),
        AIMessage("a", id="2"),
        SystemMessage("s", id="3"),
        ToolMessage("t", tool_call_id="c", id="4"),
    ],
    "model": Model(),
    "named_tuple": Pair(1, "b"),
    "none": None,
    "odd": Odd(),
    "path": pathlib.PurePosixPath("/a/b"),
    "set": {3},
    "frozenset": frozenset({4}),
    "text": 'naïve \u2028 é 😀 <b> \x00 " \\',
    "time": dt.time(3, 4, 5),
    "timedelta": dt.timedelta(seconds=90),
    "tuple": (1, 2),
    "type": int,
    "uuid": uuid.UUID("12345678-1234-5678-1234-567812345678"),
}


class State(TypedDict, total=False):
    pick: list[str]
    values: dict[str, Any]


def fill(state: State) -> State:
    return {"values": {name: VALUES[name] for name in state["pick"]}}


encoding = StateGraph(State).add_node(fill).add_edge(START, "fill").add_edge("fill", END).compile()
