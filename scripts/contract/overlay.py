"""OpenAPI Overlay 1.0: actions that update or remove what a JSONPath selects.

Applying keeps a journal, so that an overlay can be taken away again and every difference is explained by an action.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonpath
import yaml

ABSENT: Any = object()
"""Stands for "there is no such key" in a journal."""


class OverlayError(Exception):
    """An overlay that does not fit the document it is applied to."""


@dataclass(frozen=True)
class Change:
    """One value that an action set: the container's path, the key or index in it, and what was there before."""

    path: tuple[str | int, ...]
    key: Any
    before: Any
    position: int


@dataclass
class Overlaid:
    """A document with an overlay applied, and the journal that undoes it."""

    document: Any
    journal: list[Change] = field(default_factory=list)

    def undone(self) -> Any:
        """The document as it was before."""
        document = copy.deepcopy(self.document)
        for change in reversed(self.journal):
            container = document
            for step in change.path:
                container = container[step]
            if isinstance(container, list):
                if change.before is ABSENT:
                    del container[change.key]
                else:
                    container.insert(change.key, copy.deepcopy(change.before))
            elif change.before is ABSENT:
                del container[change.key]
            else:
                _put_at(container, change.key, copy.deepcopy(change.before), change.position)
        return document


def load(path: Path) -> list[dict[str, Any]]:
    """The actions of an overlay file. Raises `OverlayError` when the file is not an Overlay 1.0 document."""
    overlay = yaml.safe_load(path.read_text())
    if not isinstance(overlay, dict) or not str(overlay.get("overlay", "")).startswith("1."):
        raise OverlayError(f"{path}: expected an OpenAPI Overlay document that begins with `overlay: 1.0.0`")
    for action in overlay.get("actions") or []:
        if "target" not in action or ("update" in action) == (action.get("remove") is True):
            raise OverlayError(f"{path}: an action needs `target` and either `update` or `remove`:\n{_text(action)}")
    return list(overlay.get("actions") or [])


def apply(document: Any, actions: list[dict[str, Any]]) -> Overlaid:
    """`document` with the actions applied in order. Raises `OverlayError` with the action that matches nothing."""
    result = Overlaid(copy.deepcopy(document))
    for action in actions:
        matches = [match.parts for match in jsonpath.finditer(action["target"], result.document)]
        if not matches:
            raise OverlayError(f"this action matches nothing in the contract, correct or remove it:\n{_text(action)}")
        if action.get("remove") is True:
            # From the last to the first, so that the indexes of list items stay true.
            for parts in reversed(matches):
                _remove(result, parts)
        else:
            for parts in matches:
                _update(result, parts, action["update"])
    return result


def _remove(result: Overlaid, parts: tuple[Any, ...]) -> None:
    *path, key = parts
    container = _at(result.document, path)
    position = key if isinstance(container, list) else list(container).index(key)
    result.journal.append(Change(tuple(path), key, container[key], position))
    del container[key]


def _update(result: Overlaid, parts: tuple[str | int, ...], update: Any) -> None:
    target = _at(result.document, parts)
    if isinstance(target, list):
        result.journal.append(Change(tuple(parts), len(target), ABSENT, len(target)))
        target.append(copy.deepcopy(update))
    elif isinstance(target, dict) and isinstance(update, dict):
        _merge(result, tuple(parts), target, update)
    else:
        place = "/".join(map(str, parts))
        raise OverlayError(f"an update needs an object or an array to change, but {place} is {target!r}")


def _merge(result: Overlaid, path: tuple[str | int, ...], target: dict[str, Any], update: dict[str, Any]) -> None:
    for key, value in update.items():
        present = target.get(key, ABSENT)
        if isinstance(present, dict) and isinstance(value, dict):
            _merge(result, (*path, key), present, value)
            continue
        position = list(target).index(key) if key in target else len(target)
        result.journal.append(Change(path, key, present, position))
        merged = [*present, *value] if isinstance(present, list) and isinstance(value, list) else value
        target[key] = copy.deepcopy(merged)


def _at(document: Any, parts: Any) -> Any:
    for part in parts:
        document = document[part]
    return document


def _put_at(container: dict[str, Any], key: Any, value: Any, position: int) -> None:
    """Set a key at its place among the others: undoing gives the same bytes back, not only the same values."""
    container.pop(key, None)
    items = list(container.items())
    items.insert(position, (key, value))
    container.clear()
    container.update(items)


def _text(action: dict[str, Any]) -> str:
    return yaml.safe_dump(action, sort_keys=False, width=120)
