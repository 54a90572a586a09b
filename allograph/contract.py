"""The contract as it is served at `/openapi.json`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from importlib import resources
from typing import Any

import orjson

from allograph.generated import UPSTREAM_VERSION as UPSTREAM_VERSION


@cache
def source() -> bytes:
    """`generated/openapi.json`: upstream with reality laid over it, byte for byte."""
    return resources.files("allograph.generated").joinpath("openapi.json").read_bytes()


def document() -> dict[str, Any]:
    """The parsed contract; each call gives a copy of its own."""
    contract: dict[str, Any] = orjson.loads(source())
    return contract


def served(graph_ids: Sequence[str], url: str) -> bytes:
    """The contract with what only a running server knows: the ids of its graphs and the address it was asked at."""
    return _served(tuple(graph_ids), url.rstrip("/"))


@lru_cache(maxsize=16)
def _served(graph_ids: tuple[str, ...], url: str) -> bytes:
    contract = document()
    for schema in contract["components"]["schemas"].values():
        graph_id = schema.get("properties", {}).get("graph_id", {})
        if graph_id.get("type") == "string":
            graph_id["enum"] = list(graph_ids)
    contract["servers"] = [{"url": url}]
    return orjson.dumps(contract)
