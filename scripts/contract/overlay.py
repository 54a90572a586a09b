"""OpenAPI Overlay 1.0: actions that update or remove what a JSONPath selects.

Applying keeps a journal, so that an overlay can be taken away again and every difference is explained by an action.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
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


@dataclass(frozen=True)
class Misfit:
    """An action that does not apply to a document as it was meant, and why."""

    action: dict[str, Any]
    reason: str
    redundant: bool = False
    """It applies, but what it says the document says by itself."""

    def __str__(self) -> str:
        return f"this action {self.reason}, correct or remove it:\n{_text(self.action)}"


@dataclass(frozen=True)
class Fit:
    """What of an overlay applies to a document."""

    overlaid: Overlaid
    actions: list[dict[str, Any]]
    """The actions that apply, in order, without the members that refer to nothing."""
    misfits: list[Misfit]
    places: dict[str, int]
    """How many places the targets match."""


def apply(document: Any, actions: list[dict[str, Any]]) -> Overlaid:
    """`document` with the actions applied in order. Raises `OverlayError` with the first action that does not apply."""
    found = fit(document, actions)
    for misfit in found.misfits:
        if not misfit.redundant:
            raise OverlayError(str(misfit))
    return found.overlaid


def fit(document: Any, actions: list[dict[str, Any]]) -> Fit:
    """Apply the actions that apply, in order, and name the others."""
    first = _fit(document, actions)
    lost = {
        id(action): [ref for ref in _references(action.get("update")) if _value(first.overlaid.document, _steps(ref)) is ABSENT]
        for action in first.actions
    }
    if not any(lost.values()):
        return first
    kept = [_without(action, set(lost[id(action)])) if lost[id(action)] else action for action in first.actions]
    again = _fit(document, kept)
    unmatched = [misfit for misfit in first.misfits if not misfit.redundant]
    dangling = [Misfit(action, f"refers to {ref}, which does not exist") for action in first.actions for ref in lost[id(action)]]
    changed = {id(action) for action in kept} - {id(action) for action in first.actions}
    rest = [misfit for misfit in again.misfits if id(misfit.action) not in changed]
    return Fit(again.overlaid, again.actions, [*unmatched, *dangling, *rest], first.places)


def _fit(document: Any, actions: list[dict[str, Any]]) -> Fit:
    found = Fit(Overlaid(copy.deepcopy(document)), [], [], {})
    result, journal = found.overlaid, found.overlaid.journal
    changes: list[tuple[dict[str, Any], list[Change]]] = []
    for action in actions:
        matches = [match.parts for match in jsonpath.finditer(action["target"], result.document)]
        found.places[action["target"]] = len(matches)
        begin = len(journal)
        if reason := _reason(result.document, action, matches):
            found.misfits.append(Misfit(action, reason))
            continue
        if action.get("remove") is True:
            # From the last to the first, so that the indexes of list items stay true.
            for parts in reversed(matches):
                _remove(result, parts)
        else:
            for parts in matches:
                _update(result, parts, action["update"])
        found.actions.append(action)
        changes.append((action, journal[begin:]))
    for action, made in changes:
        places = [(*change.path, change.key) for change in made]
        if all(_value(document, place) == _value(result.document, place) for place in places):
            found.misfits.append(Misfit(action, "changes nothing", redundant=True))
    return found


def _reason(document: Any, action: dict[str, Any], matches: list[Any]) -> str | None:
    """Why an action cannot be applied."""
    if not matches:
        return "matches nothing in the contract"
    for parts in matches:
        target = _at(document, parts)
        if (
            "update" in action
            and not isinstance(target, list)
            and not (isinstance(target, dict) and isinstance(action["update"], dict))
        ):
            return f"needs an object or an array to change, but {'/'.join(map(str, parts))} is {target!r}"
    return None


def _references(node: Any) -> list[str]:
    """The places within the document that a value refers to, each once."""
    members = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    here = [node["$ref"]] if isinstance(node, dict) and str(node.get("$ref", "")).startswith("#/") else []
    return list(dict.fromkeys([*here, *(ref for member in members for ref in _references(member))]))


def _without(node: Any, refs: set[str]) -> Any:
    """A value without the members that are one of these references."""

    def keep(member: Any) -> bool:
        return not (isinstance(member, dict) and member.get("$ref") in refs)

    if isinstance(node, dict):
        return {key: _without(member, refs) for key, member in node.items() if keep(member)}
    return [_without(member, refs) for member in node if keep(member)] if isinstance(node, list) else node


def _steps(ref: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in ref.removeprefix("#/").split("/")]


def _value(document: Any, path: Sequence[Any]) -> Any:
    """What stands at a path, or `ABSENT`."""
    for step in path:
        try:
            document = document[int(step) if isinstance(document, list) else step]
        except (KeyError, IndexError, TypeError, ValueError):
            return ABSENT
    return document


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
    else:
        _merge(result, tuple(parts), target, update)


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
