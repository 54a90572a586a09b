"""The JavaScript SDK: the tests in tests/js, each file of them in a Node of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.clients.unreliable import UnreliableProxy
from tests.server_process import ROOT, ServerProcess

SCRIPTS = ROOT / "tests" / "js"


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.test.js")), ids=lambda script: script.name.removesuffix(".test.js"))
def test_javascript_sdk(script: Path, server: ServerProcess, unreliable: UnreliableProxy, tmp_path: Path) -> None:
    node = subprocess.run(
        ["node", "--test-force-exit", "--test-reporter=spec", "--test-timeout=60000", script.name],
        cwd=SCRIPTS, capture_output=True, text=True, timeout=180,
        env={
            "PATH": os.environ["PATH"], "TMPDIR": str(tmp_path),
            "ALLOGRAPH_URL": server.url, "ALLOGRAPH_UNRELIABLE_URL": unreliable.url,
        },
    )  # fmt: skip
    assert node.returncode == 0, f"{node.stdout}\n{node.stderr}"
    assert "skipped 0" in node.stdout, node.stdout
    assert "pass 0" not in node.stdout, node.stdout
