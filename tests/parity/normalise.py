"""Replaces what differs between any two runs by tokens: ids, times, versions, addresses.

Ids become `<id-1>`, `<id-2>`... by first appearance (dictionaries are walked in the order of their keys' names, so that
the order in which a server writes keys does not change the numbers); 32 hexadecimal digits (interrupt ids) become
`<hash-n>`. The default assistants keep a name, `<assistant steps>`: their ids are part of the interface.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from .session import Exchange

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
HASH = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)?")
PYTHON_TIME = re.compile(r"datetime\.datetime\([^()]*\)")
MILLISECONDS = re.compile(r"(?<!\d)1[78]\d{11}(?!\d)")
PYTHON_SET = re.compile(r"\{('[^{}:]*'(?:, '[^{}:]*')*)\}")
TOKEN = re.compile(r"<(?:id|hash)-\d+>")
NIL = "00000000-0000-0000-0000-"
"""Ids that begin so are written by scenarios and stay."""

BY_KEY = {
    "__request_start_time_ms__": "<milliseconds>",
    "langgraph_version": "<version>",
    "langgraph_py_version": "<version>",
    "langgraph_api_version": "<version>",
    "langgraph_plan": "<deployment>",
    "langgraph_host": "<deployment>",
    "langgraph_api_url": "<url>",
    "event_id": "<event id>",
    "langchain": "<version>",
    "langchain-core": "<version>",
}
"""Texts and times that say something about the machine, not about the answer. Null stays null."""
SIZES = ("bytes", "total_bytes")
"""Numbers that depend on how checkpoints are stored."""


def _time(match: re.Match[str]) -> str:
    moment = datetime.fromisoformat(match[1]).replace(tzinfo=UTC)
    if abs(datetime.now(UTC) - moment) > timedelta(days=2):
        return match[0]  # a date that a graph wrote
    return f"<time{match[2] or ''}>"


class _Tokens:
    def __init__(self, url: str, names: dict[str, str]) -> None:
        self.url, self.names, self.counts = url, dict(names), {"id": 0, "hash": 0}

    def name(self, kind: str, value: str) -> str:
        value = value.lower()
        if value.startswith(NIL):
            return value
        if value not in self.names:
            self.counts[kind] += 1
            self.names[value] = f"<{kind}-{self.counts[kind]}>"
        return self.names[value]

    def text(self, value: str) -> str:
        value = value.replace(self.url, "<url>")
        value = TIME.sub(_time, PYTHON_TIME.sub("<time>", value))
        value = MILLISECONDS.sub("<milliseconds>", value)
        value = PYTHON_SET.sub(lambda m: "{" + ", ".join(sorted(m[1].split(", "))) + "}", value)
        value = UUID.sub(lambda m: self.name("id", m[0]), value)
        return HASH.sub(lambda m: self.name("hash", m[0]), value)

    def walk(self, value: Any, key: str = "") -> Any:
        if key in BY_KEY and value is not None:
            return BY_KEY[key]
        if key in SIZES and isinstance(value, int):
            return "<bytes>"
        if key == "timestamp" and isinstance(value, int):
            return "<milliseconds>"
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.walk(item) for item in value]
        if isinstance(value, dict):
            walked = {name: self.walk(item, name) for name, item in sorted(value.items())}
            return {self.text(name): walked[name] for name in value}
        return value


def _blank(value: Any, url: str, names: dict[str, str]) -> str:
    """A sort key that does not depend on ids."""
    return TOKEN.sub("<>", json.dumps(_Tokens(url, names).walk(value), sort_keys=True))


def _parents(exchange: Exchange, path: str) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) that `path` (`body`, `events.data.tasks`) leads to; lists on the way are entered."""
    first, *rest = path.split(".")
    found: list[tuple[Any, Any]] = [(exchange, first)] if first in exchange else []
    for step in rest:
        reached = [container[key] for container, key in found]
        items = [item for value in reached for item in (value if isinstance(value, list) else [value])]
        found = [(item, step) for item in items if isinstance(item, dict) and step in item]
    yield from found


def normalise(exchanges: Iterable[Exchange], url: str, assistants: dict[str, str]) -> list[Exchange]:
    """The exchanges with tokens for everything that two runs of one scenario may answer differently.

    `assistants` maps the ids of default assistants to graph names.
    """
    exchanges = copy.deepcopy(list(exchanges))
    names = {id.lower(): f"<assistant {graph}>" for id, graph in assistants.items()}
    for exchange in exchanges:
        headers = exchange.get("headers", {})
        for name in ("allow", "access-control-allow-methods"):
            if name in headers:
                headers[name] = ", ".join(sorted(headers[name].split(", ")))
        for frame in exchange.get("events", []):
            if "id" in frame:
                frame["id"] = "<event id>"
        for path in exchange.get("unordered", []):
            for container, key in _parents(exchange, path):
                if isinstance(container[key], list):
                    container[key] = sorted(container[key], key=lambda item: _blank(item, url, names))
    tokens = _Tokens(url, names)
    # Requests go first within an exchange, answers after them, in the order of the conversation.
    return [{part: tokens.walk(value, part) for part, value in exchange.items()} for exchange in exchanges]
