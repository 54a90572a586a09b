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


def served(graph_ids: Sequence[str], url: str, *, off: frozenset[str] = frozenset(), beside: bytes = b"{}") -> bytes:
    """The contract with what only a running server knows: the ids of its graphs and the address it was asked at.

    Operations whose tag is `off` are left out; `beside` is the OpenAPI document of a project's own routes, which come first.
    """
    return _served(tuple(graph_ids), url.rstrip("/"), off, beside)


_NAMING_A_SERVED_GRAPH = ("AssistantCreate", "AssistantPatch", "GraphSchema")
"""Schemas whose `graph_id` is one of the served graphs. An assistant may outlive its graph, and be searched for by it."""


def _name_graphs(node: Any, graph_ids: list[str]) -> None:
    """Fill in what is either the id of an assistant or of a graph."""
    if isinstance(node, list):
        for item in node:
            _name_graphs(item, graph_ids)
    elif isinstance(node, dict):
        for either in node.get("anyOf", ()):
            if either.get("title") in ("Graph Id", "Graph ID") and either.get("type") == "string":
                either["enum"] = graph_ids
        for item in node.values():
            _name_graphs(item, graph_ids)


def _left(path: str, item: dict[str, Any], off: frozenset[str]) -> dict[str, Any]:
    """The operations of a path that are not switched off; `/ok` never is."""
    return {method: one for method, one in item.items() if path == "/ok" or not off.intersection(one.get("tags", ()))}


@lru_cache(maxsize=16)
def _served(graph_ids: tuple[str, ...], url: str, off: frozenset[str], beside: bytes) -> bytes:
    contract = document()
    if off:
        contract["paths"] = {path: left for path, item in contract["paths"].items() if (left := _left(path, item, off))}
    schemas = contract["components"]["schemas"]
    for name in _NAMING_A_SERVED_GRAPH:
        schemas[name]["properties"]["graph_id"]["enum"] = list(graph_ids)
    _name_graphs(contract, list(graph_ids))
    contract["servers"] = [{"url": url}]
    own = orjson.loads(beside)
    for path, item in own.get("paths", {}).items():
        contract["paths"][path] = {**contract["paths"].get(path, {}), **item}
    for kind, named in own.get("components", {}).items():
        contract["components"][kind] = {**named, **contract["components"].get(kind, {})}
    return orjson.dumps(contract)
