"""Projects in temporary folders, imported into this process and forgotten again."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from allograph.config import Config, load_config
from allograph.project import activate

MakeProject = Callable[..., Config]


@pytest.fixture
def make_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeProject]:
    """Write a project, given as path → content and the `graphs` of its langgraph.json, and make it importable."""

    def make(files: Mapping[str, str], graphs: Mapping[str, Any], dependencies: tuple[str, ...] = (".",)) -> Config:
        for name, content in files.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        path = tmp_path / "langgraph.json"
        path.write_text(json.dumps({"graphs": graphs, "dependencies": dependencies}))
        config = load_config(path)
        activate(config)
        return config

    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield make
    new = {name: module for name, module in sys.modules.items() if name not in before}
    places = {name: [getattr(module, "__file__", None) or "", *getattr(module, "__path__", [])] for name, module in new.items()}
    for name, found in places.items():
        if any(place.startswith(str(tmp_path.resolve())) for place in found):
            del sys.modules[name]
