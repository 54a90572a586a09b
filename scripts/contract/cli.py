"""The commands behind `make capture`, `make regen` and `make regen-check`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scripts.contract.capture import capture
from scripts.contract.generate import generate, stale
from scripts.contract.operations import ContractError
from scripts.contract.overlay import OverlayError

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
    generate(OPENAPI, GENERATED)


def _check() -> None:
    if names := stale(OPENAPI, GENERATED):
        sys.exit(
            f"error: allograph/generated is not what the contract gives: {', '.join(names)} differ; run `make regen`"
        )
