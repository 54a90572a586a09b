"""A copy of the contract to change and of the package to generate into: the real generator, never the real files."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts.contract.cli import OPENAPI, ROOT
from scripts.contract.generate import generate

Edit = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Workshop:
    """`openapi` is a copy of the contract; `root` holds a copy of the package, whose generated code comes from it."""

    openapi: Path
    root: Path

    @property
    def generated(self) -> Path:
        return self.root / "allograph" / "generated"

    def change(self, edit: Edit) -> None:
        """Change upstream.json."""
        path = self.openapi / "upstream.json"
        document = json.loads(path.read_bytes())
        edit(document)
        path.write_text(json.dumps(document, indent=2))

    def generate(self) -> None:
        generate(self.openapi, self.generated)

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python on the copy."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            capture_output=True,
            text=True,
            env={"PYTHONPATH": str(self.root)},
        )

    def mypy(self, source: str) -> str:
        """What the type checker says about `source`, a module beside the copy, and about what of the copy it imports."""
        (self.root / "snippet.py").write_text(source)
        # Without PYTHONPATH: mypy keeps silent about what it finds there, as about other people's packages.
        return subprocess.run(
            [
                sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(ROOT / ".mypy_cache" / "tests"),
                "snippet.py",
            ],
            cwd=self.root, capture_output=True, text=True, env={},
        ).stdout  # fmt: skip


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    shutil.copytree(OPENAPI, tmp_path / "openapi")
    package = tmp_path / "root" / "allograph"
    package.mkdir(parents=True)
    for source in ROOT.glob("allograph/*.py"):
        shutil.copy(source, package)
    return Workshop(tmp_path / "openapi", package.parent)


def archive_thread(document: dict[str, Any]) -> None:
    """Add an operation that upstream does not have."""
    document["paths"]["/threads/{thread_id}/archive"] = {
        "post": {
            "tags": ["Threads"],
            "operationId": "archive_thread_threads__thread_id__archive_post",
            "summary": "Archive Thread",
            "parameters": [{"name": "thread_id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}],
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ThreadArchive"}}},
            },
            "responses": {
                "200": {
                    "description": "ok",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thread"}}},
                }
            },
        }
    }
    document["components"]["schemas"]["ThreadArchive"] = {
        "type": "object",
        "required": ["reason"],
        "properties": {"reason": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
    }
