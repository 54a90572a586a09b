"""The commands behind `make capture`, `make regen` and `make regen-check`."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from scripts.contract.capture import capture
from scripts.contract.generate import contract, generate, names_of, stale
from scripts.contract.operations import ContractError, unused_names
from scripts.contract.overlay import OverlayError
from scripts.contract.report import compare

ROOT = Path(__file__).resolve().parent.parent.parent
OPENAPI = ROOT / "openapi"
GENERATED = ROOT / "allograph" / "generated"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scripts.contract", description="The contract pipeline.")
    parser.add_argument("command", choices=["capture", "regen", "check"])
    command = parser.parse_args().command
    try:
        {"capture": _capture, "regen": _regen, "check": _check}[command]()
    except (ContractError, OverlayError) as error:
        sys.exit(f"error: {error}")


def _capture() -> None:
    print(f"openapi/upstream.json is the contract of langgraph-api {capture(OPENAPI)}")


def _regen() -> None:
    before = _checked_in() or _on_disk()
    generate(OPENAPI, GENERATED)
    names = names_of(OPENAPI)
    after = contract(OPENAPI)
    print(compare(before, after, names) if before else f"allograph/generated is made from {len(after['paths'])} paths")
    if gone := unused_names(after, names):
        print(f"openapi/operations.yaml names operations that are gone, remove the lines: {', '.join(gone)}")


def _checked_in() -> dict[str, Any] | None:
    """The contract of the last commit."""
    shown = subprocess.run(["git", "show", f"HEAD:{(GENERATED / 'openapi.json').relative_to(ROOT)}"], cwd=ROOT, capture_output=True)
    return json.loads(shown.stdout) if shown.returncode == 0 else None


def _on_disk() -> dict[str, Any] | None:
    path = GENERATED / "openapi.json"
    return json.loads(path.read_bytes()) if path.exists() else None


def _check() -> None:
    if names := stale(OPENAPI, GENERATED):
        sys.exit(f"error: allograph/generated is not what the contract gives: {', '.join(names)} differ; run `make regen`")
