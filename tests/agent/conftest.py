"""The bundled agent, loaded as a server loads it: its folder on the path, its graph from the file in langgraph.json."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.memory import InMemoryStore

AGENT = Path(__file__).resolve().parents[2] / "agent"
sys.path.insert(0, str(AGENT))

VARIABLES = (
    "AGENT_MODEL", "AGENT_TEMPERATURE", "AGENT_MAX_TOKENS", "AGENT_SYSTEM_PROMPT", "OPENAI_API_KEY", "OPENAI_BASE_URL",
    "OPENAI_API_BASE", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_CUSTOM_HEADERS",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _no_model_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def _loaded() -> Any:
    path, _, name = json.loads((AGENT / "langgraph.json").read_text())["graphs"]["agent"]["path"].partition(":")
    spec = importlib.util.spec_from_file_location("served_agent", AGENT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


@pytest.fixture
def store() -> InMemoryStore:
    return InMemoryStore()


@pytest.fixture
def agent(_loaded: Any, store: InMemoryStore) -> Any:
    """The graph with a saver and a store of its own, as a server injects them."""
    return _loaded.copy(update={"checkpointer": InMemorySaver(), "store": store})


@pytest.fixture
def thread() -> dict[str, Any]:
    return {"configurable": {"thread_id": "1"}}
