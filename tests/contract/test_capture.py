"""The captured contract, and what is taken out of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.contract.capture import capture, without_environment
from scripts.contract.cli import OPENAPI
from scripts.oracle import EXECUTABLE


def test_the_address_and_the_served_graphs_are_taken_out() -> None:
    document = {
        "servers": [{"url": "http://127.0.0.1:1"}],
        "paths": {"/x": {"get": {"parameters": [{"schema": {"type": "string", "enum": ["agent"]}}]}}},
        "components": {
            "schemas": {
                "A": {
                    "properties": {
                        "graph_id": {"enum": ["agent"], "type": "string"},
                        "role": {"enum": ["user", "agent"]},
                    }
                }
            }
        },
    }
    assert without_environment(document, ["agent"]) == {
        "paths": {"/x": {"get": {"parameters": [{"schema": {"type": "string"}}]}}},
        "components": {"schemas": {"A": {"properties": {"graph_id": {"type": "string"}, "role": {"enum": ["user", "agent"]}}}}},
    }


def test_what_is_checked_in_has_neither() -> None:
    text = (OPENAPI / "upstream.json").read_text()
    assert "127.0.0.1" not in text
    assert "servers" not in json.loads(text)
    assert (OPENAPI / "upstream.version").read_text().startswith("langgraph-api ")


@pytest.mark.skipif(not EXECUTABLE.exists(), reason="`make oracle-setup` installs the reference")
def test_capturing_again_gives_the_same_bytes(tmp_path: Path) -> None:
    capture(tmp_path)
    for name in ("upstream.json", "upstream.version"):
        assert (tmp_path / name).read_bytes() == (OPENAPI / name).read_bytes()
