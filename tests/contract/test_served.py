"""The contract as a running server hands it out."""

from __future__ import annotations

import json
from typing import Any

from allograph import contract
from scripts.contract.cli import GENERATED


def test_only_graph_ids_and_the_address_are_filled_in() -> None:
    served = json.loads(contract.served(["agent", "chat"], "http://localhost:2024/"))
    assert served.pop("servers") == [{"url": "http://localhost:2024"}]
    filled: list[str] = []

    def without_graph_ids(node: Any, place: str = "") -> Any:
        if isinstance(node, list):
            return [without_graph_ids(item, f"{place}[]") for item in node]
        if not isinstance(node, dict):
            return node
        if node.get("enum") == ["agent", "chat"]:
            filled.append(place)
            node = {key: value for key, value in node.items() if key != "enum"}
        return {key: without_graph_ids(value, f"{place}.{key}") for key, value in node.items()}

    assert without_graph_ids(served) == json.loads((GENERATED / "openapi.json").read_bytes())
    assert filled
    assert {place.rpartition(".")[2] for place in filled} == {"graph_id", "anyOf[]"}


def test_each_server_and_each_set_of_graphs_has_its_own() -> None:
    first = contract.served(["a"], "http://one")
    assert contract.served(["b"], "http://one") != first
    assert contract.served(["a"], "http://two") != first
    assert contract.served(["a"], "http://one") == first
