"""The parameters of commands, checked by hand: what does not fit is refused with a sentence that names it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

ErrorCode = Literal[
    "invalid_argument", "unknown_command", "unknown_error", "no_such_run", "no_such_subscription", "no_such_namespace",
    "no_such_interrupt", "no_such_checkpoint", "permission_denied", "not_supported",
]  # fmt: skip


class CommandError(Exception):
    """A command is refused, with one of the protocol's codes."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Parameters:
    """The `params` of one command. Each method takes one of them; `nothing_else` refuses what nobody took."""

    def __init__(self, method: str, given: Mapping[str, Any], where: str = "params") -> None:
        self.method = method
        self.where = where
        self._given = given
        self._taken: set[str] = set()

    def refused(self, name: str, expected: str) -> CommandError:
        if name not in self._given:
            return CommandError("invalid_argument", f"{self.method}: {self.where}.{name} is missing; expected {expected}")
        shown = repr(self._given[name])[:100]
        return CommandError("invalid_argument", f"{self.method}: {self.where}.{name} is {shown}; expected {expected}")

    def has(self, name: str) -> bool:
        return self._given.get(name) is not None

    def anything(self, name: str) -> Any:
        self._taken.add(name)
        return self._given.get(name)

    def text(self, name: str) -> str:
        value = self.anything(name)
        if not isinstance(value, str) or not value:
            raise self.refused(name, "a string that is not empty")
        return value

    def optional_text(self, name: str) -> str | None:
        return self.text(name) if self.has(name) else self.anything(name)

    def number(self, name: str, default: int, least: int = 0, most: int = 2**53) -> int:
        value = self.anything(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.refused(name, f"an integer from {least} to {most}")
        return value

    def flag(self, name: str) -> bool:
        value = self.anything(name)
        if value is not None and not isinstance(value, bool):
            raise self.refused(name, "true or false")
        return bool(value)

    def mapping(self, name: str) -> dict[str, Any]:
        value = self.anything(name)
        if value is not None and not isinstance(value, dict):
            raise self.refused(name, "an object")
        return value or {}

    def texts(self, name: str) -> list[str]:
        value = self.anything(name)
        if value is None:
            return []
        if not is_texts(value):
            raise self.refused(name, "a list of strings")
        return list(value)

    def namespace(self, name: str = "namespace") -> tuple[str, ...]:
        """A path into the tree of graphs; the root when it is left out."""
        return tuple(self.texts(name))

    def nothing_else(self, takes: Sequence[str] = ()) -> None:
        # Clients send null for what they were not given.
        unknown = [name for name, value in self._given.items() if name not in self._taken and value is not None]
        if unknown:
            known = ", ".join(sorted({*self._taken, *takes}))
            raise CommandError("invalid_argument", f"{self.method} does not know {self.where}.{unknown[0]}; it takes: {known}")


def is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
