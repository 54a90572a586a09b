"""Compares two normalised records of a scenario and says, path by path, what differs.

Id tokens need not carry the same number on both sides: what must hold is that the same thing has the same id
throughout, so a one-to-one mapping is kept while comparing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import yaml

from .normalise import TOKEN
from .session import Exchange

DIFFERENCES = Path(__file__).with_name("differences.yaml")
ABSENT = "(absent)"


@dataclass(frozen=True)
class Difference:
    """One place where an answer is not the reference's."""

    scenario: str
    exchange: str
    path: str
    expected: str
    got: str
    status: int
    """What we answered in this exchange; 0 if the exchange did not take place."""

    def __str__(self) -> str:
        expected, got = _short(self.expected), _short(self.got)
        return f"{self.exchange}\n    at {self.path}\n      reference {expected}\n      ours      {got}"


def _short(text: str) -> str:
    return text if len(text) <= 400 else f"{text[:200]} ... {text[-180:]}"


def _json(value: Any) -> str:
    return ABSENT if value is ... else json.dumps(value, ensure_ascii=False)


def name_of(exchange: Exchange) -> str:
    """`POST /threads/*/runs`: ids in the path are stars."""
    request = exchange["request"]
    path = re.sub(r"<[^>]*>|00000000-0000-0000-0000-[0-9a-f]{12}", "*", request["path"])
    return f"{request['method']} {path}"


class _Comparison:
    def __init__(self) -> None:
        self.ours: dict[str, str] = {}
        self.theirs: dict[str, str] = {}

    def text(self, expected: str, got: str) -> bool:
        """Equal but for ids, which map one to one."""
        left, right = TOKEN.findall(expected), TOKEN.findall(got)
        if TOKEN.sub("<>", expected) != TOKEN.sub("<>", got) or len(left) != len(right):
            return False
        for a, b in zip(left, right, strict=True):
            if self.ours.setdefault(a, b) != b or self.theirs.setdefault(b, a) != a:
                return False
        return True

    def walk(self, path: str, expected: Any, got: Any) -> Iterator[tuple[str, Any, Any]]:
        if isinstance(expected, str) and isinstance(got, str):
            if not self.text(expected, got):
                yield path, expected, got
        elif isinstance(expected, dict) and isinstance(got, dict):
            yield from self.mapping(path, expected, got)
        elif isinstance(expected, list) and isinstance(got, list):
            if path == "events":
                yield from self.frames(expected, got)
            else:
                for index in range(max(len(expected), len(got))):
                    a = expected[index] if index < len(expected) else ...
                    b = got[index] if index < len(got) else ...
                    yield from self.walk(f"{path}[{index}]", a, b)
        elif type(expected) is not type(got) or expected != got:
            yield path, expected, got

    def mapping(self, path: str, expected: dict[str, Any], got: dict[str, Any]) -> Iterator[tuple[str, Any, Any]]:
        """Keys may be ids too (`interrupts` of a thread): pair them through the mapping, else in their order."""
        free = [key for key in got if key not in expected and TOKEN.search(key)]
        for key, value in sorted(expected.items()):
            other = key
            if TOKEN.search(key) and (key not in got or self.ours.get(key, key) != key):
                known = TOKEN.sub(lambda m: self.ours.get(m[0], m[0]), key)
                other = known if known in got else next((k for k in free if self.text(key, k)), key)
                if other in free:
                    free.remove(other)
            yield from self.walk(f"{path}.{key}" if path else key, value, got.get(other, ...))
            got = {k: v for k, v in got.items() if k != other}
        for key, value in got.items():
            yield (f"{path}.{key}" if path else key), ..., value

    def frames(self, expected: list[Any], got: list[Any]) -> Iterator[tuple[str, Any, Any]]:
        """Line the frames up by name and content first, so that one missing frame is one difference."""
        left, right = ([TOKEN.sub("<>", json.dumps(frame, sort_keys=True)) for frame in side] for side in (expected, got))
        for tag, i, j, k, m in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
            pairs: Sequence[tuple[int, Any, Any]]
            if tag == "equal" or j - i == m - k:
                pairs = [(i + n, expected[i + n], got[k + n]) for n in range(j - i)]
            else:
                width = max(j - i, m - k)
                pairs = [(i + n, expected[i + n] if i + n < j else ..., got[k + n] if k + n < m else ...) for n in range(width)]
            for index, a, b in pairs:
                yield from self.walk(f"events[{index}]", a, b)


def compare(scenario: str, expected: list[Exchange], got: list[Exchange], failure: str = "") -> list[Difference]:
    """Every difference between the reference's record of a scenario and ours.

    `failure` says why ours could not be played to its end; that is a difference too, at the path `failure`.
    """
    comparison = _Comparison()
    found: list[Difference] = []
    for a, b in zip(expected, got, strict=False):
        name = name_of(a)
        if "headers" in a and "headers" in b:
            # Ids are in paths and headers before they are in bodies.
            parts = ["request", "status", "headers", "line_end", "body", "events", "text"]
        else:
            parts = ["request", "status"]
        for part in parts:
            for at, left, right in comparison.walk(part, a.get(part, ...), b.get(part, ...)):
                path = TOKEN.sub("<id>", at)
                found.append(Difference(scenario, name, path, _json(left), _json(right), b.get("status", 0)))
    for rest in expected[len(got) :]:
        found.append(Difference(scenario, name_of(rest), "exchange", "took place", ABSENT, 0))
    if failure:
        found.append(Difference(scenario, "the scenario", "failure", "none", failure.strip(), 0))
    return found


def _pattern(glob: str) -> re.Pattern[str]:
    """`**` matches anything, `*` anything within one step of a path."""
    parts = re.split(r"(\*\*|\*)", glob)
    return re.compile("".join({"**": ".*", "*": r"[^.\[\]]*"}.get(part, re.escape(part)) for part in parts))


def _name_pattern(glob: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in glob.split("*")), re.DOTALL)


@dataclass
class Allowance:
    """An entry of differences.yaml: where we answer differently on purpose, and why.

    `scenario` and `exchange` are globs; `path` too, with `**` for any depth. `expected` and `got` are regular
    expressions for the two values, as JSON. With `status` the entry holds only where ours is that status.
    """

    reason: str
    scenario: str = "*"
    exchange: str = "*"
    path: str = "**"
    expected: str = ""
    got: str = ""
    status: int | None = None
    used: int = field(default=0, compare=False)

    def allows(self, difference: Difference) -> bool:
        return (
            _name_pattern(self.scenario).fullmatch(difference.scenario) is not None
            and _name_pattern(self.exchange).fullmatch(difference.exchange) is not None
            and _pattern(self.path).fullmatch(difference.path) is not None
            and re.search(self.expected, difference.expected) is not None
            and re.search(self.got, difference.got) is not None
            and self.status in (None, difference.status)
        )


def allowances(path: Path = DIFFERENCES) -> list[Allowance]:
    return [Allowance(**entry) for entry in yaml.safe_load(path.read_text()) or []]


def unexplained(found: list[Difference], allowed: list[Allowance]) -> list[Difference]:
    """The differences that no entry covers. Entries that cover one are counted as used."""
    left: list[Difference] = []
    for difference in found:
        for entry in allowed:
            if entry.allows(difference):
                entry.used += 1
                break
        else:
            left.append(difference)
    return left
