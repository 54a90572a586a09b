"""What clients tell the graphs of this folder, and how what they are sent reads."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

WORDS = ["one ", "two ", "three ", "four ", "five ", "six ", "seven: "]
MODES: Any = ["messages-tuple", "values", "updates"]


def said(text: str, gate: Path | None = None) -> Any:
    """A user's message; its answer waits behind the second word until the gate is there."""
    return {"messages": [{"role": "user", "content": text}], "gate": str(gate or "")}


def answer(text: str) -> str:
    """What `talk` answers."""
    return "".join(WORDS) + text


def texts(values: Any) -> list[str]:
    return [message["content"] if isinstance(message, dict) else message.content for message in values["messages"]]


def word(part: Any) -> str | None:
    """The words of a part of a stream in mode messages-tuple; None for any other part, and for a chunk without words."""
    if part.event != "messages":
        return None
    chunk, metadata = part.data
    assert metadata["langgraph_node"] == "answer"
    assert chunk["type"] == "AIMessageChunk"
    return chunk["content"] or None


def words(parts: Iterable[Any]) -> list[str]:
    return [one for part in parts if (one := word(part))]


def events(parts: Iterable[Any]) -> list[str]:
    """The names of the parts, a row of messages counted once."""
    names: list[str] = []
    for part in parts:
        if part.event != "messages" or names[-1:] != ["messages"]:
            names.append(part.event)
    return names
