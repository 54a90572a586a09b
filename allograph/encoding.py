"""JSON, encoded in one place.

Graph state holds whatever a user's graph puts there. `dumps` never fails on it: what JSON has no form for becomes its
natural dictionary (messages, models, dataclasses), its list (sets, deques), its text, or at last its `repr`.
"""

from __future__ import annotations

import base64
import re
from collections import deque
from collections.abc import Callable
from datetime import timedelta, tzinfo
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from pathlib import PurePath
from typing import Any

import orjson

from allograph.access.users import User

loads = orjson.loads

_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
_AS_TEXT = (
    PurePath, tzinfo,
    IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network,
)  # fmt: skip
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


class RawJson:
    """Bytes that are JSON already; `dumps` copies them in as they are."""

    __slots__ = ("body",)

    def __init__(self, body: bytes) -> None:
        self.body = body

    def parsed(self) -> Any:
        return orjson.loads(self.body)


def _default(value: Any) -> Any:
    if isinstance(value, RawJson):
        return orjson.Fragment(value.body)
    if isinstance(value, User):
        return value.shown()
    dump: Callable[[], Any] | None = getattr(value, "model_dump", None) or getattr(value, "dict", None)
    if dump is not None and callable(dump) and not isinstance(value, type):
        return dump()
    if isinstance(value, set | frozenset | deque):
        return list(value)
    if hasattr(value, "_asdict"):
        return value._asdict()
    if isinstance(value, _AS_TEXT):
        return str(value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, BaseException):
        return {"error": type(value).__name__, "message": str(value)}
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, re.Pattern):
        return value.pattern
    return repr(value)


def dumps(value: Any) -> bytes:
    """`value` as JSON. NUL characters become U+FFFD: Postgres cannot store them."""
    try:
        body = orjson.dumps(value, _default, _OPTIONS)
    except TypeError:
        # Strings with lone surrogates, integers beyond 64 bits, circular or very deep values: rare, so repaired afterwards.
        body = orjson.dumps(_repaired(value, 0), _default, _OPTIONS)
    return without_nul(body)


def without_nul(body: bytes) -> bytes:
    """JSON text with U+FFFD in place of the NUL characters that Postgres refuses."""
    return _NUL.sub(rb"\1\\ufffd", body) if rb"\u0000" in body else body


_DEEPEST = 200


def _repaired(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        return "..."
    if isinstance(value, RawJson):
        return value.parsed()
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and not isinstance(value, bool):
        return value if -(2**63) <= value < 2**64 else float(value) if abs(value) < 2**1023 else str(value)
    if isinstance(value, dict):
        return {_key(k): _repaired(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset | deque):
        return [_repaired(v, depth + 1) for v in value]
    if value is None or isinstance(value, float | bool):
        return value
    try:
        return orjson.loads(orjson.dumps(value, None, _OPTIONS))
    except TypeError:
        return _repaired(_default(value), depth + 1)


def _key(key: Any) -> str:
    return (key if isinstance(key, str) else str(key)).encode("utf-8", "replace").decode()
