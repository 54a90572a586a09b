"""The register of scenarios, running one, and its recording on disk."""

from __future__ import annotations

import importlib
import json
import pkgutil
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

from .normalise import normalise
from .session import Exchange, Session

ROOT = Path(__file__).resolve().parents[2]
RECORDINGS = ROOT / "tests" / "recordings"
CONFIG = ROOT / "tests" / "graphs" / "langgraph.json"
WIDTH = 140

Script = Callable[[Session], None]


@dataclass(frozen=True)
class Scenario:
    """A scripted conversation. `alone` ones touch what all others made ("cancel everything") and run by themselves."""

    name: str
    script: Script
    alone: bool = False

    @property
    def recording(self) -> Path:
        return RECORDINGS / f"{self.name.replace('/', '.')}.json"


SCENARIOS: dict[str, Scenario] = {}


@overload
def scenario(script: Script) -> Script: ...


@overload
def scenario(*, alone: bool) -> Callable[[Script], Script]: ...


def scenario(script: Script | None = None, *, alone: bool = False) -> Script | Callable[[Script], Script]:
    """Register a function as the scenario `<module>/<function>`."""

    def register(function: Script) -> Script:
        module = function.__module__.rsplit(".", 1)[-1]
        name = f"{module}/{function.__name__.strip('_')}"
        if name in SCENARIOS:
            raise ValueError(f"two scenarios are called {name}")
        SCENARIOS[name] = Scenario(name, function, alone)
        return function

    return register(script) if script else register


def load() -> dict[str, Scenario]:
    """Import every module of `scenarios/` and return what they registered, in order."""
    from . import scenarios

    for module in sorted(m.name for m in pkgutil.iter_modules(scenarios.__path__)):
        importlib.import_module(f"{scenarios.__name__}.{module}")
    return dict(sorted(SCENARIOS.items()))


def default_assistants() -> dict[str, str]:
    graphs = json.loads(CONFIG.read_text())["graphs"]
    return {str(uuid.uuid5(uuid.UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8"), graph)): graph for graph in graphs}


@dataclass(frozen=True)
class Record:
    exchanges: list[Exchange]
    failure: str
    """Why the script could not go on; empty if it reached its end."""


def run(script: Scenario, url: str) -> Record:
    """Play a scenario against the server at `url`."""
    session = Session(url)
    failure = ""
    try:
        script.script(session)
    except Exception:  # noqa: BLE001  a scenario that cannot go on is a result, to be shown with what came before
        failure = traceback.format_exc(limit=-3)
    finally:
        session.close()
    return Record(normalise(session.exchanges, url, default_assistants()), failure)


def dump(value: Any, indent: int = 0) -> str:
    """JSON that stays on one line where it fits and breaks where it does not."""
    line = json.dumps(value, ensure_ascii=False)
    if len(line) + indent <= WIDTH or not isinstance(value, dict | list) or not value:
        return line
    pad = " " * (indent + 1)
    if isinstance(value, dict):
        parts = [f"{pad}{json.dumps(k, ensure_ascii=False)}: {dump(v, indent + 1)}" for k, v in value.items()]
        return "{\n" + ",\n".join(parts) + f"\n{' ' * indent}}}"
    return "[\n" + ",\n".join(pad + dump(item, indent + 1) for item in value) + f"\n{' ' * indent}]"


def save(script: Scenario, record: Record) -> None:
    RECORDINGS.mkdir(exist_ok=True)
    script.recording.write_text(dump(record.exchanges) + "\n")


def recorded(script: Scenario) -> list[Exchange]:
    """What the reference answered. Raises `FileNotFoundError` with what to do when it was never recorded."""
    try:
        exchanges: list[Exchange] = json.loads(script.recording.read_text())
    except FileNotFoundError:
        raise FileNotFoundError(f"{script.recording} does not exist: run `make parity-record`") from None
    return exchanges
