"""`extract` of a thread search: values at paths of a thread, under names that the client chose."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from allograph.encoding import RawJson
from allograph.errors import Invalid
from allograph.store.database import Row

ROOTS = ("config", "interrupts", "metadata", "values")

_STEP = re.compile(r"([^.\[\]]+)|\[(-?\d{1,9})\]")


@dataclass(frozen=True, slots=True)
class Extraction:
    """`alias → root and steps`; a step is a key or, in brackets, an index that may count from the end."""

    paths: Mapping[str, tuple[str, tuple[str | int, ...]]]

    @classmethod
    def of(cls, extract: Mapping[str, str]) -> Extraction:
        """Raises `Invalid` for a path that names no root or cannot be read."""
        return cls({alias: _parse(alias, path) for alias, path in extract.items()})

    def apply(self, thread: Row) -> dict[str, Any]:
        """What is at each path; None where nothing is."""
        parsed: dict[str, Any] = {}
        extracted = {}
        for alias, (root, steps) in self.paths.items():
            if root not in parsed:
                value = thread[root]
                parsed[root] = value.parsed() if isinstance(value, RawJson) else value
            extracted[alias] = _walk(parsed[root], steps)
        return extracted


def _parse(alias: str, path: str) -> tuple[str, tuple[str | int, ...]]:
    if not path:
        raise Invalid(f"Extract path for '{alias}' must be a non-empty string")
    steps: list[str | int] = []
    position = 0
    while position < len(path):
        if path[position] == "." and steps:
            position += 1
        match = _STEP.match(path, position)
        if match is None:
            raise Invalid(f"Extract path '{path}' cannot be read at '{path[position:]}'; expected keys and [index], as in values.messages[-1].content")
        steps.append(match[1] if match[1] is not None else int(match[2]))
        position = match.end()
    root = steps[0]
    if root not in ROOTS:
        raise Invalid(f"Extract path '{path}' must start with one of: {', '.join(ROOTS)}")
    return str(root), tuple(steps[1:])


def _walk(value: Any, steps: tuple[str | int, ...]) -> Any:
    for step in steps:
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return None
    return value
