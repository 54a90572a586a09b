"""Overlays: what an action does, that none rots, and that every difference can be taken back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.contract import generate, overlay
from scripts.contract.capture import encode
from scripts.contract.cli import GENERATED, OPENAPI

UPSTREAM = json.loads((OPENAPI / "upstream.json").read_bytes())


def test_taking_reality_away_gives_upstream_back_byte_for_byte() -> None:
    overlaid = generate.with_reality(OPENAPI)
    assert encode(overlaid.document) == (GENERATED / "openapi.json").read_bytes()
    assert overlaid.document != UPSTREAM
    assert encode(overlaid.undone()) == (OPENAPI / "upstream.json").read_bytes()


def test_naming_changes_nothing_but_names() -> None:
    def without_names(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: without_names(value) for key, value in node.items() if key not in ("x-name", "x-raw-body")}
        return [without_names(item) for item in node] if isinstance(node, list) else node

    served = generate.contract(OPENAPI)
    named = generate.named(served, OPENAPI).document
    assert named != served
    assert without_names(named) == served


def test_every_reality_action_says_what_it_saw() -> None:
    for action in overlay.load(OPENAPI / "reality.overlay.yaml"):
        said = action.get("description", "")
        assert "x-recording" in action or "->" in said or said.startswith(("As above", "Ours")) or "event" in said, action


@pytest.mark.parametrize(
    ("target", "update"),
    [
        ("$.paths['/no/such/path'].get", {"summary": "x"}),
        ("$.components.schemas.Thread.properties.gone", {"type": "string"}),
        ("$.paths.*.post.parameters[?@.name=='gone']", {"required": True}),
    ],
)
def test_an_action_that_matches_nothing_fails_with_its_text(target: str, update: dict[str, Any]) -> None:
    action = {"target": target, "description": "why it was written", "update": update}
    with pytest.raises(overlay.OverlayError) as failed:
        overlay.apply(UPSTREAM, [action])
    assert target in str(failed.value)
    assert "why it was written" in str(failed.value)


def test_an_update_merges_objects_appends_to_arrays_and_replaces_the_rest() -> None:
    document = {"a": {"keep": 1, "change": 2, "list": [1]}, "list": [{"name": "x"}]}
    overlaid = overlay.apply(
        document,
        [
            {"target": "$.a", "update": {"change": 3, "add": {"b": 4}, "list": [2]}},
            {"target": "$.list", "update": {"name": "y"}},
            {"target": "$.list[?@.name=='x']", "update": {"seen": True}},
        ],
    )
    assert overlaid.document == {
        "a": {"keep": 1, "change": 3, "list": [1, 2], "add": {"b": 4}},
        "list": [{"name": "x", "seen": True}, {"name": "y"}],
    }
    assert json.dumps(overlaid.undone()) == json.dumps(document)


def test_removing_and_undoing_keep_the_order() -> None:
    document = {"a": 1, "b": [1, 2, 3], "c": {"d": 1, "e": 2}}
    overlaid = overlay.apply(
        document,
        [
            {"target": "$.a", "remove": True},
            {"target": "$.b[?@ > 1]", "remove": True},
            {"target": "$.c.d", "remove": True},
            {"target": "$.c", "update": {"d": 9}},
        ],
    )
    assert overlaid.document == {"b": [1], "c": {"e": 2, "d": 9}}
    assert json.dumps(overlaid.undone()) == json.dumps(document)


@pytest.mark.parametrize(
    "text",
    ["actions: []", "overlay: 1.0.0\nactions: [{update: {a: 1}}]", "overlay: 1.0.0\nactions: [{target: $.a}]",
     "overlay: 1.0.0\nactions: [{target: $.a, update: {}, remove: true}]"],
)  # fmt: skip
def test_a_file_that_is_no_overlay_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "overlay.yaml"
    path.write_text(text)
    with pytest.raises(overlay.OverlayError):
        overlay.load(path)
