"""`typing.TypedDict` for Pydantic on Python 3.11.

Below Python 3.12 Pydantic refuses to describe a `typing.TypedDict`, and the reference then has no schema for most
graphs. The two implementations differ in nothing that a JSON Schema shows, so the same class is written again with
`typing_extensions`.
"""

from __future__ import annotations

import functools
import operator
import types
import typing
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import typing_extensions


def modern(hint: Any) -> Any:
    """`hint` with each `typing.TypedDict` in it replaced by an equal `typing_extensions.TypedDict`."""
    return _modern(hint, {})


def _modern(hint: Any, done: dict[type, Any]) -> Any:
    if typing.is_typeddict(hint):
        return done[hint] if hint in done else _typed_dict(hint, done)
    arguments = get_args(hint)
    if not arguments:
        return hint
    origin = get_origin(hint)
    if origin is Annotated:
        return Annotated[_modern(arguments[0], done), *hint.__metadata__]
    if origin is typing.Literal:
        return hint
    new = tuple(_modern(each, done) for each in arguments)
    if new == arguments:
        return hint
    if origin in (Union, types.UnionType):
        return functools.reduce(operator.or_, new)
    return hint.copy_with(new) if hasattr(hint, "copy_with") else origin[new]


def _typed_dict(hint: Any, done: dict[type, Any]) -> Any:
    new: Any = typing_extensions.TypedDict(hint.__name__, {})  # type: ignore[misc]
    done[hint] = new  # first: a type may contain itself
    new.__doc__, new.__module__, new.__qualname__ = hint.__doc__, hint.__module__, hint.__qualname__
    hints = get_type_hints(hint, include_extras=True)
    new.__annotations__ = {name: _modern(each, done) for name, each in hints.items()}
    new.__required_keys__, new.__optional_keys__ = hint.__required_keys__, hint.__optional_keys__
    new.__total__ = hint.__total__
    return new
