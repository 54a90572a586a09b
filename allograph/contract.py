"""The contract as it is served at `/openapi.json`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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


def served(
    graph_ids: Sequence[str], url: str, *, off: frozenset[str] = frozenset(), beside: bytes = b"{}", security: bytes | None = None
) -> bytes:
    """The contract with what only a running server knows: the ids of its graphs and the address it was asked at.

    Operations whose tag is `off` are left out; `beside` is the OpenAPI document of a project's own routes, which come first.
    `security` is what `secured` lays over it, where authentication is on.
    """
    return _served(tuple(graph_ids), url.rstrip("/"), off, beside, security)


BEARER: dict[str, Any] = {
    "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
    "security": [{"bearer": []}],
    "paths": {},
}
"""How a client says who it is, unless `auth.openapi` says something else."""


def secured(contract: dict[str, Any], security: Mapping[str, Any], public: Collection[str]) -> dict[str, Any]:
    """The contract of a server that asks who comes: how to say it, and what is answered otherwise.

    `security` has `securitySchemes`, `security`, and by path and method what differs; `public` are the paths open to everybody.
    """
    given = {**BEARER, **{name: value for name, value in security.items() if value}}
    contract["components"].setdefault("securitySchemes", {}).update(given["securitySchemes"])
    contract["security"] = given["security"]
    for path, item in contract["paths"].items():
        for method, operation in item.items():
            own = given["paths"].get(path, {}).get(method)
            if own is not None:
                operation["security"] = own
            elif path in public:
                operation["security"] = []
            if operation.get("security", given["security"]):
                for status, description in (("401", "Unauthorized"), ("403", "Forbidden")):
                    operation["responses"].setdefault(status, {"description": description, "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/ErrorResponse"}},
                    }})  # fmt: skip
    return contract


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
def _served(graph_ids: tuple[str, ...], url: str, off: frozenset[str], beside: bytes, security: bytes | None) -> bytes:
    contract = document()
    if off:
        contract["paths"] = {path: left for path, item in contract["paths"].items() if (left := _left(path, item, off))}
    schemas = contract["components"]["schemas"]
    for name in _NAMING_A_SERVED_GRAPH:
        schemas[name]["properties"]["graph_id"]["enum"] = list(graph_ids)
    _name_graphs(contract, list(graph_ids))
    contract["servers"] = [{"url": url}]
    if security is not None:
        given = orjson.loads(security)
        secured(contract, given, given["public"])
    own = orjson.loads(beside)
    for path, item in own.get("paths", {}).items():
        contract["paths"][path] = {**contract["paths"].get(path, {}), **item}
    for kind, named in own.get("components", {}).items():
        contract["components"][kind] = {**named, **contract["components"].get(kind, {})}
    return orjson.dumps(contract)
