"""The agent as a server finds it: by path, among modules that have the same names, without the packages of a model."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agent.conftest import AGENT, VARIABLES

LOAD = """
import importlib.util, logging, sys
logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s", stream=sys.stdout)
import agent, configuration, tools
sys.path.append(sys.argv[1])
spec = importlib.util.spec_from_file_location("served", sys.argv[1] + "/allograph_agent/graph.py")
served = importlib.util.module_from_spec(spec)
spec.loader.exec_module(served)
print(type(served.graph).__name__, "langchain_openai" in sys.modules)
"""


def _load(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return subprocess.run(
        [sys.executable, "-c", LOAD, str(AGENT)],
        cwd=folder,
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("agent", "configuration", "tools", "graph", "models"):
        (tmp_path / f"{name}.py").write_text("")
    return tmp_path


def test_it_loads_by_path_and_says_which_model_it_uses(folder: Path) -> None:
    done = _load(folder, OPENAI_BASE_URL="http://localhost:8000/v1", AGENT_MODEL="qwen", OPENAI_API_KEY="sk-secret")
    assert done.stdout.splitlines() == [
        "allograph.agent: The agent's model is qwen at http://localhost:8000/v1.",
        "CompiledStateGraph False",
    ]
    assert done.stderr == ""


def test_a_bad_environment_stops_the_start_with_a_sentence(folder: Path) -> None:
    done = _load(folder, AGENT_TEMPERATURE="hot")
    assert done.returncode != 0
    assert "AGENT_TEMPERATURE in the environment is not usable: Input should be a valid number" in done.stderr
