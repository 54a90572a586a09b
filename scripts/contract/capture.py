"""Capture the contract of the reference: its `/openapi.json` while it serves the smallest possible graph.

What depends on this machine or on that graph is taken out, so that capturing twice gives the same bytes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

from scripts.oracle import EXECUTABLE, oracle

GRAPH = Path(__file__).parent / "graph" / "langgraph.json"


def capture(folder: Path, executable: Path = EXECUTABLE) -> str:
    """Write `upstream.json` and `upstream.version` into `folder`; return the version of the reference."""
    with oracle(GRAPH, executable=executable) as url, httpx.Client(base_url=url, timeout=30) as client:
        document = client.get("/openapi.json").raise_for_status().json()
        version: str = client.get("/info").raise_for_status().json()["version"]
    (folder / "upstream.json").write_bytes(encode(without_environment(document, list(json.loads(GRAPH.read_bytes())["graphs"]))))
    (folder / "upstream.version").write_text(f"langgraph-api {version}\n")
    return version


def without_environment(document: dict[str, Any], graph_ids: list[str]) -> dict[str, Any]:
    """The contract without the address it was asked at and without the graphs that happened to be served."""
    stripped = {key: value for key, value in document.items() if key != "servers"}
    return {key: _without_graphs(value, graph_ids) for key, value in stripped.items()}


def _without_graphs(node: Any, graph_ids: list[str]) -> Any:
    if isinstance(node, list):
        return [_without_graphs(item, graph_ids) for item in node]
    if isinstance(node, dict):
        return {key: _without_graphs(value, graph_ids) for key, value in node.items() if not (key == "enum" and value == graph_ids)}
    return node


def encode(document: Any) -> bytes:
    """JSON as it is checked in: indented, keys in the order of the source, one line end at the end."""
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
