"""Go to another version of the reference: capture its contract, regenerate, and say what is left to do.

`to VERSION` installs that version into a throw-away environment, captures its contract, writes it with the pins of that environment
into the tree, regenerates, runs the type checker and plays the recorded scenarios against our server. What of the overlays does not
fit is left out and named, so that one run shows everything; `make regen` refuses the contract until that is decided. With
`--dry-run` nothing is written, with `--record` the recordings are renewed first. `pages` writes tests/contract/upgrades anew, after
an overlay or the report changed. Everything is run as a black box: `langgraph-api` is started and asked, never opened.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import itertools
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.contract.capture import capture
from scripts.contract.cli import GENERATED, OPENAPI, ROOT
from scripts.contract.generate import generate, names_of
from scripts.contract.operations import ContractError
from scripts.contract.overlay import OverlayError
from scripts.contract.step import Step, Version, archive, archived, fitted, number_of, order, upstream_of
from scripts.oracle import oracle
from tests.parity.scenario import CONFIG

PAGES = ROOT / "tests" / "contract" / "upgrades"
PINS = ("oracle.in", "oracle.txt")
BIN = Path(sys.executable).parent
LOCK = (
    "uv", "pip", "compile", "--quiet", "--upgrade", "--universal", "--generate-hashes", "--python-version", "3.11",
    "--custom-compile-command", "make oracle-lock",
)  # fmt: skip


class Stopped(Exception):
    """A step that failed; the message is what the command said."""


@dataclass
class Journal:
    """What was done, for the end of the run and for a run that stops in the middle."""

    written: list[str] = field(default_factory=list)
    look: list[str] = field(default_factory=list)
    """What to read or decide; the checks pass without it."""
    todo: list[str] = field(default_factory=list)
    """What keeps the checks from passing."""
    doing: str = ""

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        self.doing = title
        print(f"\n== {title}", flush=True)
        try:
            yield
        except (ContractError, OverlayError, OSError, RuntimeError) as error:
            raise Stopped(str(error)) from error
        except subprocess.CalledProcessError as error:
            raise Stopped(f"{' '.join(map(str, error.cmd[:4]))} ... ended with {error.returncode}\n{error.stderr or ''}") from error

    def wrote(self, *paths: Path) -> None:
        self.written += [str(path.relative_to(ROOT)) for path in paths]


def lock(version: str, scratch: Path) -> Path:
    """Pin an environment for a version of the reference, with the newest langgraph-cli that goes with it; return its folder."""
    folder = scratch / "scripts"
    folder.mkdir()
    asked = (ROOT / "scripts" / PINS[0]).read_text()
    asked = re.sub(r"^langgraph-cli\[inmem\].*", "langgraph-cli[inmem]", asked, flags=re.MULTILINE)
    asked = re.sub(r"^langgraph-api\b.*", f"langgraph-api=={version}", asked, flags=re.MULTILINE)
    (folder / PINS[0]).write_text(asked)
    # From the folder above, as the comments in the lock name the file that is asked.
    _run(BIN / LOCK[0], *LOCK[1:], f"scripts/{PINS[0]}", "-o", f"scripts/{PINS[1]}", cwd=scratch)
    pinned = (folder / PINS[1]).read_text()
    if cli := re.search(r"^langgraph-cli(?:\[inmem\])?==([\w.]+)", pinned, re.MULTILINE):
        (folder / PINS[0]).write_text(asked.replace("langgraph-cli[inmem]\n", f"langgraph-cli[inmem]=={cli[1]}\n"))
    return folder


def install(folder: Path, scratch: Path) -> Path:
    """Install what is pinned in `folder` into a throw-away environment; return the command that starts the reference."""
    python = scratch / "venv" / "bin" / "python"
    _run(BIN / "uv", "venv", "--quiet", "--python", sys.executable, python.parent.parent)
    _run(BIN / "uv", "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", folder / PINS[1])
    return python.with_name("langgraph")


def write(step: Step, captured: Path, pins: Path, journal: Journal) -> None:
    """Write the new contract and its pins, and keep the contract that is left."""
    for folder, target, names in ((captured, OPENAPI, ("upstream.json", "upstream.version")), (pins, ROOT / "scripts", PINS)):
        for name in names:
            shutil.copy(folder / name, target)
            journal.wrote(target / name)
    if order(step.new.number) > order(step.old.number):
        journal.wrote(archive(step.old.number, step.old.upstream))
        page = PAGES / f"{step.old.number}-{step.new.number}.md"
        page.write_text(step.page())
        journal.wrote(page)


def type_check() -> tuple[list[str], list[str]]:
    """Run mypy; return the handler methods that it asks to write or change, and its other errors."""
    said = subprocess.run([sys.executable, "-m", "mypy", "--no-error-summary"], cwd=ROOT, capture_output=True, text=True)
    if said.returncode not in (0, 1):
        raise Stopped(f"the type checker failed:\n{said.stdout}{said.stderr}")
    return sort_errors(said.stdout, ROOT)


def sort_errors(said: str, root: Path) -> tuple[list[str], list[str]]:
    """What mypy said, as handler methods to write or change and as lines about other places."""
    methods, others = [], []
    for line in said.splitlines():
        found = re.fullmatch(r"(?P<path>[^:]+):(?P<line>\d+): error: (?P<text>.*?)(?:  \[[\w-]+\])?", line)
        if found is None:
            continue
        place = f"{found['path']}:{found['line']}"
        classes = _methods(root / found["path"], int(found["line"])) if Path(found["path"]).parent.name == "handlers" else None
        if classes is None:
            others.append(line)
        elif "abstract attribute" in found["text"]:
            of_class = classes.partition(".")[0]
            missing = re.findall(r'"(\w+)"', found["text"].partition("abstract attribute")[2])
            methods += [f"write   {of_class}.{name}  ({place})" for name in missing]
        else:
            methods.append(f"change  {classes}  ({place}): {found['text']}")
    # An abstract class is named once where it is defined; where it is instantiated adds nothing.
    return methods, [line for line in others if "Cannot instantiate abstract class" not in line or not methods]


def _methods(path: Path, line: int) -> str | None:
    """The class and method around a line: `Threads.get_thread`; of a function on its own, its name."""
    around: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            begin = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if begin <= line <= (node.end_lineno or begin):
                around.append(node.name)
    return ".".join(around) or None


def upgrade(version: str, journal: Journal, *, record: bool, dry_run: bool) -> None:
    """All steps. Raises `Stopped` when one cannot be done; what was found to do is in the journal."""
    with tempfile.TemporaryDirectory(prefix="upgrade-") as name:
        scratch = Path(name)
        with journal.step(f"install langgraph-api {version} into a throw-away environment"):
            pins = lock(version, scratch)
            executable = install(pins, scratch)
            print("\n".join(re.findall(r"^langgraph\S*==\S+", (pins / PINS[1]).read_text(), re.MULTILINE)))
        with journal.step("capture its contract"):
            (captured := scratch / "captured").mkdir()
            served = capture(captured, executable)
            if served != version:
                raise Stopped(f"the server says that it is {served}, not {version}")
            names = names_of(OPENAPI)
            old = fitted(number_of(OPENAPI), _json(OPENAPI / "upstream.json"), OPENAPI, scratch / "old")
            new = fitted(version, _json(captured / "upstream.json"), OPENAPI, scratch / "new")
            step = Step(old, new, names)
        print(f"\n{step.page()}")
        _note(step, journal)
        if dry_run:
            return
        with journal.step("write the contract, the pins of the reference and the report"):
            write(step, captured, pins, journal)
            print("\n".join(journal.written))
        with journal.step("regenerate"):
            generate(scratch / "new", GENERATED)
            journal.wrote(GENERATED)
        if record:
            with journal.step("renew the recordings of the reference's answers"), oracle(CONFIG, executable=executable) as url:
                _try(journal, "some scenarios could not be recorded", "scripts.parity", "record", "--reference", url)
                journal.wrote(ROOT / "tests" / "recordings")
                _try(journal, "docs/PARITY.md could not be written", "scripts.parity", "docs")
                journal.wrote(ROOT / "docs" / "PARITY.md")
        with journal.step("type check, and the handler methods to write or change"):
            methods, others = type_check()
            print("\n".join([*methods, *others]) or "nothing")
            journal.todo += [f"handler method: {method}" for method in methods] + [f"type error: {line}" for line in others]
        with journal.step("the table of what is implemented"):
            if _try(journal, "docs/CAPABILITIES.md could not be written", "scripts.capabilities"):
                journal.wrote(ROOT / "docs" / "CAPABILITIES.md")
        with journal.step("parity: the recorded scenarios against our server"):
            _try(journal, "parity: our server answers differently, see above", "scripts.parity", "compare", "--recorded")


def _note(step: Step, journal: Journal) -> None:
    """What the page leaves to do, before the type checker is asked."""
    for misfit in step.misfits():
        (journal.todo if misfit.fatal else journal.look).append(f"overlay: {misfit}")
    journal.todo += [f"operations.yaml: remove {name}" for name in step.new.gone]
    journal.look += [f"handler method: {verb:7} {handler}" for verb, handler in step.report.handlers()]


def _try(journal: Journal, todo: str, *module: str) -> bool:
    """Run one of our commands on what was just generated; a failure is something to do."""
    # On stderr is the log of our server, which tells what graphs raised on purpose.
    done = subprocess.run([sys.executable, "-m", *module], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        journal.todo.append(todo)
        print("\n".join(done.stderr.splitlines()[-3:]))
    return done.returncode == 0


def _run(*command: str | Path, cwd: Path = ROOT) -> None:
    subprocess.run(command, cwd=cwd, check=True, stderr=subprocess.PIPE, text=True)


def _json(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_bytes())
    return document


def walk(folder: Path, scratch: Path) -> list[Version]:
    """The archived versions, then the one in `folder`, each fitted into a folder of `scratch`."""
    current = number_of(folder)
    contracts = {number: upstream_of(number) for number in archived() if order(number) < order(current)}
    contracts[current] = _json(folder / "upstream.json")
    return [fitted(number, upstream, folder, scratch / number) for number, upstream in contracts.items()]


def pages(folder: Path, scratch: Path) -> dict[str, str]:
    """The page of every step between two versions that follow each other, by file name."""
    versions, names = walk(folder, scratch), names_of(folder)
    steps = [Step(old, new, names) for old, new in itertools.pairwise(versions)]
    return {f"{step.old.number}-{step.new.number}.md": step.page() for step in steps}


def _pages() -> None:
    with tempfile.TemporaryDirectory(prefix="upgrade-") as scratch:
        fresh = pages(OPENAPI, Path(scratch))
    for leftover in {path.name for path in PAGES.glob("*.md")} - fresh.keys():
        (PAGES / leftover).unlink()
    for name, page in fresh.items():
        (PAGES / name).write_text(page)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    to = commands.add_parser("to", help="go to a version")
    to.add_argument("version", help="such as 0.16.7")
    to.add_argument("--record", action="store_true", help="renew the recordings of the reference's answers")
    to.add_argument("--dry-run", action="store_true", help="print the report, write nothing")
    commands.add_parser("pages", help="write tests/contract/upgrades anew")
    options = parser.parse_args()
    if options.command == "pages":
        _pages()
        return
    if not re.fullmatch(r"\d+(\.\d+)+", options.version):
        sys.exit(
            f"error: {options.version!r} is no version of langgraph-api: expected numbers, such as `make upgrade VERSION=0.16.7`"
        )
    journal = Journal()
    try:
        upgrade(options.version, journal, record=options.record, dry_run=options.dry_run)
    except Stopped as stopped:
        print(f"\nstopped at: {journal.doing}\n{stopped}")
        print(f"written before that: {', '.join(dict.fromkeys(journal.written)) or 'nothing; the tree is as it was'}")
        if "openapi/upstream.json" in journal.written:
            print("go on by hand: correct what is named above, then `make regen capabilities check test`; or take it back with git")
        sys.exit(1)
    print("\n== written:", ", ".join(dict.fromkeys(journal.written)) or "nothing")
    if "scripts/oracle.txt" in journal.written:
        journal.look.append("the reference in .oracle/ is still the one before: `make oracle-setup`")
    for title, items in (("to read and decide", journal.look), ("to do, until `make check test` passes", journal.todo)):
        print(f"== {title}:", *(items or ["nothing"]), sep="\n  ")
    sys.exit(1 if journal.todo and not options.dry_run else 0)


if __name__ == "__main__":
    main()
