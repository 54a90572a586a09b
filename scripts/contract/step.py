"""One step from a version of the reference to another: the report, and what of our overlays and names no longer fits.

The overlays stay as they are written: what of them fits a version is laid out in a folder of its own, which the generator takes as
it takes `openapi/`. So a step can be looked at before anyone has decided on a single overlay action.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scripts.contract import overlay
from scripts.contract.generate import names_of
from scripts.contract.operations import unused_names
from scripts.contract.report import Report, compare

REALITY, NAMING = "reality.overlay.yaml", "naming.overlay.yaml"
ARCHIVE = Path(__file__).resolve().parent.parent.parent / "tests" / "contract" / "upstreams"
"""The contracts of the versions that were left behind, by version."""


@dataclass(frozen=True)
class Misfit:
    """An overlay action that does not fit, and in which file."""

    file: str
    target: str
    reason: str
    fatal: bool
    """Whether `make regen` refuses the action; else it does nothing or less than before."""

    def __str__(self) -> str:
        return f"{self.file} {self.target}: {self.reason}"


@dataclass(frozen=True)
class Version:
    """A contract with what fits of the overlays."""

    number: str
    upstream: dict[str, Any]
    served: dict[str, Any]
    misfits: tuple[Misfit, ...]
    places: dict[tuple[str, str], int]
    """How many places each overlay action matches, by file and target."""
    gone: tuple[str, ...]
    """The operationIds of operations.yaml that this version does not have."""


def fitted(number: str, upstream: dict[str, Any], folder: Path, out: Path) -> Version:
    """Write into `out` the contract of a version with what fits of the overlays and names in `folder`."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "upstream.json").write_text(json.dumps(upstream))
    (out / "upstream.version").write_text(f"langgraph-api {number}\n")
    shutil.copy(folder / "operations.yaml", out)
    document = served = upstream
    misfits: list[Misfit] = []
    places: dict[tuple[str, str], int] = {}
    for name in (REALITY, NAMING):
        fit = overlay.fit(document, overlay.load(folder / name))
        (out / name).write_text(yaml.safe_dump({"overlay": "1.0.0", "actions": fit.actions}, sort_keys=False))
        misfits += [Misfit(name, misfit.action["target"], misfit.reason, not misfit.redundant) for misfit in fit.misfits]
        places |= {(name, target): count for target, count in fit.places.items()}
        document = fit.overlaid.document
        if name == REALITY:
            served = document
    return Version(number, upstream, served, tuple(misfits), places, tuple(unused_names(served, names_of(folder))))


@dataclass(frozen=True)
class Step:
    """What a maintainer has to know about going from one version to another."""

    old: Version
    new: Version
    names: dict[str, str]
    """The method of each operation by its operationId."""

    @property
    def report(self) -> Report:
        """What changed in the contract that we serve."""
        return compare(self.old.served, self.new.served, self.names)

    def covered(self) -> list[str]:
        """What changed upstream and does not show in what we serve: an overlay says something else there."""
        shown = {(operation.title, change.text) for operation in self.report.operations for change in operation.changes}
        upstream = compare(self.old.upstream, self.new.upstream, self.names).operations
        return [
            f"{operation.title}: {change.text}"
            for operation in upstream
            for change in operation.changes
            if (operation.title, change.text) not in shown
        ]

    def misfits(self) -> list[Misfit]:
        """The overlay actions that do not fit the new version, or that reach fewer places than in the old one."""
        fewer = [
            Misfit(file, target, f"matches {self.new.places[file, target]} places, {count} before", fatal=False)
            for (file, target), count in self.old.places.items()
            if 0 < self.new.places.get((file, target), 0) < count
        ]
        return [*self.new.misfits, *fewer]

    def page(self) -> str:
        """All of it, as the text that is printed and kept in tests/contract/upgrades."""
        lines = [f"# From langgraph-api {self.old.number} to {self.new.number}", "", "## The contract", ""]
        lines += ["```text", str(self.report), "```"]
        lines += _section("Changed upstream, but an overlay says something else there", self.covered())
        lines += _section("Overlay actions that do not fit", map(str, self.misfits()))
        lines += _section("Names in operations.yaml of operations that are not there", self.new.gone)
        return "\n".join(lines) + "\n"


def _section(title: str, items: Any) -> Iterator[str]:
    found = list(items)
    yield from ("", f"## {title}", "")
    yield from (f"- {item}" for item in found) if found else ("None.",)


def number_of(folder: Path) -> str:
    """The version of the contract in `folder`: `0.16.7`."""
    return (folder / "upstream.version").read_text().split()[-1]


def order(number: str) -> tuple[int, ...]:
    """Versions in order: 0.9 comes before 0.10."""
    return tuple(map(int, number.split(".")))


def archived() -> list[str]:
    """The versions that were left behind, oldest first."""
    return sorted((path.stem for path in ARCHIVE.glob("*.json")), key=order)


def upstream_of(number: str) -> dict[str, Any]:
    """The contract of an archived version."""
    document: dict[str, Any] = json.loads((ARCHIVE / f"{number}.json").read_bytes())
    return document


def archive(number: str, upstream: dict[str, Any]) -> Path:
    """Keep the contract of a version, without the indentation: 120 KB that nobody reads line by line."""
    path = ARCHIVE / f"{number}.json"
    path.write_text(json.dumps(upstream, ensure_ascii=False, separators=(",", ":")) + "\n")
    return path
