"""Upgrading, walked over published versions of the reference without installing any: their contracts are in `upstreams/`.

At each step the package is generated in place, imported and asked. The report of each step is in `upgrades/`, checked by hand
against the two contracts (docs/upgrade.md says how); `make upgrade-pages` writes them anew.
"""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from allograph.generated.routes import OPERATIONS
from allograph.handlers import HANDLER_CLASSES
from allograph.routing import has_method
from scripts import upgrade
from scripts.contract import overlay, step
from scripts.contract.capture import encode
from scripts.contract.cli import GENERATED, OPENAPI, ROOT
from scripts.contract.generate import generate, names_of
from scripts.contract.operations import METHODS
from scripts.contract.overlay import OverlayError
from scripts.contract.step import Step, Version, fitted

WALKED = ("0.7.103", "0.10.3", "0.13.8", "0.15.9")
CURRENT = step.number_of(OPENAPI)

ASK = """
import asyncio, json, sys
import httpx
from fastapi import FastAPI
from starlette.responses import JSONResponse
from allograph.errors import ApiError, StartupError
from allograph.generated import interface, models, routes
from allograph.routing import check

# A tag that this version does not have: its handlers of today stand on an interface without methods.
for name in json.loads(sys.argv[1]):
    if not hasattr(interface, name):
        setattr(interface, name, type(name, (), {}))

from allograph.handlers import HANDLER_CLASSES

fields, fit, refused = interface.Handlers.__dataclass_fields__, {}, []
for field, handler in HANDLER_CLASSES.items():
    if field in fields:
        try:
            check([o for o in routes.OPERATIONS if o.field == field], interface.Handlers(**{field: object.__new__(handler)}))
            fit[field] = object.__new__(handler)
        except StartupError as error:
            refused.append(str(error))

async def refusal(request, error):
    return JSONResponse(error.detail, error.status)

app = FastAPI(docs_url=None, openapi_url=None, redoc_url=None, exception_handlers={ApiError: refusal})
routes.register(app, interface.Handlers(**fit))

async def main():
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answers = {}
        for asked in json.loads(sys.argv[2]):
            method, _, path = asked.partition(" ")
            answers[asked] = (await client.request(method, path.replace("{", "").replace("}", ""))).status_code
    print(json.dumps({"refused": refused, "answers": answers, "operations": [f"{o.method} {o.path}" for o in routes.OPERATIONS]}))

asyncio.run(main())
"""


@dataclass(frozen=True)
class Stage:
    """What the generated package of a version answered."""

    version: Version
    asked: list[str]
    answers: dict[str, int]
    operations: list[str]
    refused: list[str]


@dataclass(frozen=True)
class Walk:
    """All stages, and the package as the last one left it."""

    stages: dict[str, Stage]
    generated: Path

    def step(self, old: str, new: str) -> Step:
        return Step(self.stages[old].version, self.stages[new].version, names_of(OPENAPI))


def without_handler() -> set[str]:
    """The operations of today that no handler answers."""
    return {f"{o.method} {o.path}" for o in OPERATIONS if not has_method(HANDLER_CLASSES.get(o.field), o)}


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """Generate a copy of the package from every version in turn, with today's handlers beside it."""
    root = tmp_path_factory.mktemp("walk")
    shutil.copytree(ROOT / "allograph", root / "allograph", ignore=shutil.ignore_patterns("generated", "__pycache__", "static"))
    generated = root / "allograph" / "generated"
    today = {f"{o.method} {o.path}" for o in OPERATIONS}
    tags = json.dumps(sorted({o.interface.__name__ for o in OPERATIONS}))
    stages = {}
    for version in upgrade.walk(OPENAPI, root / "openapi"):
        generate(root / "openapi" / version.number, generated)
        # What has no handler, and what this version does not have: both are answered without one.
        asked = sorted(without_handler() | (today - operations_of(version.served)))
        done = subprocess.run(
            [sys.executable, "-c", ASK, tags, json.dumps(asked)],
            cwd=root, capture_output=True, text=True, env={"PYTHONPATH": str(root)},
        )  # fmt: skip
        assert done.returncode == 0, f"{version.number}: {done.stderr}"
        stages[version.number] = Stage(version, asked, **json.loads(done.stdout))
    return Walk(stages, generated)


def operations_of(contract: dict[str, Any]) -> set[str]:
    return {f"{method.upper()} {path}" for path, item in contract["paths"].items() for method in METHODS if method in item}


def test_the_walk_goes_over_published_versions_in_order(walked: Walk) -> None:
    assert [*walked.stages][: len(WALKED)] == list(WALKED)
    assert [*walked.stages][-1] == CURRENT
    assert [*walked.stages] == sorted(walked.stages, key=step.order)


def test_every_step_gives_the_report_that_was_checked_by_hand(walked: Walk, tmp_path: Path) -> None:
    pages = upgrade.pages(OPENAPI, tmp_path)
    assert pages.keys() == {path.name for path in upgrade.PAGES.glob("*.md")}, "run `make upgrade-pages`"
    for name, page in pages.items():
        assert (upgrade.PAGES / name).read_text() == page, f"{name}: run `make upgrade-pages` and read the diff"


def test_going_back_is_the_same_step_reversed(walked: Walk) -> None:
    opposite = {"added": "removed", "removed": "added", "changed": "changed"}
    for old, new in pairwise(walked.stages):
        there, back = walked.step(old, new).report, walked.step(new, old).report
        assert {(o.title, opposite[o.fate]) for o in there.operations} == {(o.title, o.fate) for o in back.operations}
        assert back.breaking == bool(there.operations)


def test_every_difference_of_two_contracts_is_in_the_report(walked: Walk) -> None:
    """The report against the contracts themselves: an operation is named exactly when something that it reaches differs."""
    for old, new in pairwise(walked.stages):
        before, after = walked.stages[old].version.served, walked.stages[new].version.served
        differing = {
            title for title in operations_of(before) | operations_of(after) if reachable(before, title) != reachable(after, title)
        }
        assert {operation.title for operation in walked.step(old, new).report.operations} == differing


def reachable(contract: dict[str, Any], title: str) -> dict[str, Any] | None:
    """An operation and, by name, everything that it refers to, as the contract has it without prose."""
    method, _, path = title.partition(" ")
    found: dict[str, Any] = {"": contract["paths"].get(path, {}).get(method.lower())}
    if found[""] is None:
        return None
    waiting = [found[""]]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict) and isinstance(ref := node.get("$ref"), str) and ref not in found:
            target: Any = contract
            for part in ref.removeprefix("#/").split("/"):
                target = target[part]
            found[ref] = target
            waiting.append(target)
        waiting += node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    prose = {"description", "summary"}

    def bare(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: bare(value) for key, value in node.items() if not (key in prose and isinstance(value, str))}
        return [bare(item) for item in node] if isinstance(node, list) else node

    result: dict[str, Any] = bare(found)
    return result


def test_overlay_actions_that_do_not_fit_are_named(walked: Walk) -> None:
    for number, stage in walked.stages.items():
        fatal = [misfit for misfit in stage.version.misfits if misfit.fatal]
        if number == CURRENT:
            assert stage.version.misfits == ()
            assert stage.version.gone == ()
            continue
        assert fatal
        with pytest.raises(OverlayError, match="correct or remove it") as failed:
            overlay.apply(stage.version.upstream, overlay.load(OPENAPI / step.REALITY))
        assert fatal[0].target in str(failed.value)
        assert fatal[0].reason in str(failed.value)


def test_each_version_serves_its_own_operations_with_todays_handlers(walked: Walk) -> None:
    missing = without_handler()
    for stage in walked.stages.values():
        assert set(stage.operations) == operations_of(stage.version.served)
        refused = {sentence.partition(" ")[0].partition(".")[0] for sentence in stage.refused}
        assert refused <= {handler.__name__ for handler in HANDLER_CLASSES.values()}
        for asked, status in stage.answers.items():
            if asked not in stage.operations:
                assert status in (404, 405), f"{stage.version.number}: {asked}"
            elif asked in missing:
                assert status == 501, f"{stage.version.number}: {asked}"


def test_the_walk_ends_at_the_checked_in_state(walked: Walk) -> None:
    made = {path.name: path.read_bytes() for path in walked.generated.iterdir() if path.is_file()}
    assert made == {path.name: path.read_bytes() for path in GENERATED.iterdir() if path.is_file()}
    last = walked.stages[CURRENT].version
    assert encode(last.upstream) == (OPENAPI / "upstream.json").read_bytes()
    assert encode(last.served) == (GENERATED / "openapi.json").read_bytes()


def test_archiving_keeps_the_contract_byte_for_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "ARCHIVE", tmp_path)
    step.archive(CURRENT, json.loads((OPENAPI / "upstream.json").read_bytes()))
    assert encode(step.upstream_of(CURRENT)) == (OPENAPI / "upstream.json").read_bytes()


# --- What a step says -----------------------------------------------------------------------------------------------------------

UPSTREAM: dict[str, Any] = json.loads((OPENAPI / "upstream.json").read_bytes())


def changed(edit: Callable[[dict[str, Any]], Any], tmp_path: Path) -> Step:
    """The step from the checked-in version to one that differs by an edit."""
    document = copy.deepcopy(UPSTREAM)
    edit(document)
    old, new = (fitted(n, contract, OPENAPI, tmp_path / n) for n, contract in ((CURRENT, UPSTREAM), ("99.0.0", document)))
    return Step(old, new, names_of(OPENAPI))


def test_an_action_that_reaches_fewer_places_is_named(tmp_path: Path) -> None:
    said = changed(lambda d: d["paths"]["/runs/crons/search"].pop("post"), tmp_path).misfits()
    fewer = [str(misfit) for misfit in said if not misfit.fatal]
    assert any(
        "['/assistants/search','/threads/search','/runs/crons/search'].post" in m and "2 places, 3 before" in m for m in fewer
    )


def test_an_action_that_upstream_made_needless_is_named() -> None:
    document = copy.deepcopy(UPSTREAM)
    document["components"]["schemas"]["AssistantVersionChange"]["properties"] = {"version": {"type": "integer"}}
    action = {"target": "$.components.schemas.AssistantVersionChange.properties", "update": {"version": {"type": "integer"}}}
    found = overlay.fit(document, [action])
    assert [(misfit.reason, misfit.redundant) for misfit in found.misfits] == [("changes nothing", True)]
    assert overlay.apply(document, [action]).document == document


def test_a_reference_that_leads_nowhere_is_named_and_left_out() -> None:
    actions = [
        {
            "target": "$.schemas",
            "update": {"New": {"properties": {"a": {"$ref": "#/schemas/Old"}, "b": {"$ref": "#/schemas/Gone"}}}},
        },
        {"target": "$.schemas.New", "update": {"title": "New"}},
    ]
    found = overlay.fit({"schemas": {"Old": {}}}, actions)
    assert [misfit.reason for misfit in found.misfits] == ["refers to #/schemas/Gone, which does not exist"]
    assert found.overlaid.document["schemas"]["New"] == {"properties": {"a": {"$ref": "#/schemas/Old"}}, "title": "New"}
    with pytest.raises(OverlayError, match="#/schemas/Gone"):
        overlay.apply({"schemas": {"Old": {}}}, actions)


def test_what_changed_under_an_overlay_is_named(tmp_path: Path) -> None:
    def hidden(document: dict[str, Any]) -> None:
        document["components"]["schemas"]["Thread"]["properties"]["values"]["type"] = "array"

    found = changed(hidden, tmp_path)
    assert found.report.operations == []
    assert "GET /threads/{thread_id}: 200 application/json.values: type object became array" in found.covered()
    assert "an overlay says something else there" in found.page()


# --- What the command does ------------------------------------------------------------------------------------------------------

HANDLER = """\
@final
class Threads(interface.Threads):
    async def get_thread(self, request):
        return 1

    async def count_threads(self, request):
        def inner():
            return 2
        return inner


def _thread(row):
    return row
"""

SAID = """\
allograph/handlers/threads.py:1: error: Final class handlers.threads.Threads has abstract attributes "archive_thread", "z"  [misc]
allograph/handlers/threads.py:3: error: Signature of "get_thread" incompatible with supertype "interface.Threads"  [override]
allograph/handlers/threads.py:3: note:      Superclass:
allograph/handlers/threads.py:13: error: "Thread" has no attribute "x"  [attr-defined]
allograph/app.py:112: error: Cannot instantiate abstract class "Threads" with abstract attribute "archive_thread"  [abstract]
allograph/app.py:113: error: Name "y" is not defined  [name-defined]
"""


def test_the_type_checkers_errors_become_handler_methods(tmp_path: Path) -> None:
    (tmp_path / "allograph" / "handlers").mkdir(parents=True)
    (tmp_path / "allograph" / "handlers" / "threads.py").write_text(HANDLER)
    methods, others = upgrade.sort_errors(SAID, tmp_path)
    assert methods == [
        "write   Threads.archive_thread  (allograph/handlers/threads.py:1)",
        "write   Threads.z  (allograph/handlers/threads.py:1)",
        'change  Threads.get_thread  (allograph/handlers/threads.py:3): Signature of "get_thread" incompatible with supertype '
        '"interface.Threads"',
        'change  _thread  (allograph/handlers/threads.py:13): "Thread" has no attribute "x"',
    ]
    assert others == ['allograph/app.py:113: error: Name "y" is not defined  [name-defined]']


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what an upgrade writes to; the contract comes from a file instead of from an installed reference."""
    root = tmp_path / "tree"
    for folder in ("openapi", "allograph/generated", "tests/contract/upgrades"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "scripts").mkdir()
    for name in upgrade.PINS:
        shutil.copy(ROOT / "scripts" / name, root / "scripts")
    (root / "tests" / "contract" / "upstreams").mkdir()
    for target, name, value in (
        (upgrade, "ROOT", root), (upgrade, "OPENAPI", root / "openapi"), (upgrade, "GENERATED", root / "allograph" / "generated"),
        (upgrade, "PAGES", root / "tests" / "contract" / "upgrades"), (step, "ARCHIVE", root / "tests" / "contract" / "upstreams"),
        (upgrade, "lock", lambda version, scratch: ROOT / "scripts"),
        (upgrade, "install", lambda folder, scratch: Path("langgraph")),
    ):  # fmt: skip
        monkeypatch.setattr(target, name, value)
    return root


def captured(monkeypatch: pytest.MonkeyPatch, edit: Callable[[dict[str, Any]], Any], version: str) -> None:
    def capture(folder: Path, executable: Path) -> str:
        document = copy.deepcopy(UPSTREAM)
        edit(document)
        (folder / "upstream.json").write_bytes(encode(document))
        (folder / "upstream.version").write_text(f"langgraph-api {version}\n")
        return version

    monkeypatch.setattr(upgrade, "capture", capture)


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_dry_run_writes_nothing(tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    captured(monkeypatch, lambda d: d["paths"].pop("/threads/count"), "99.0.0")
    before = contents(tree)
    journal = upgrade.Journal()
    upgrade.upgrade("99.0.0", journal, record=False, dry_run=True)
    assert contents(tree) == before
    assert journal.written == []
    assert "handler method: remove  Threads.count_threads" in journal.look
    assert "operations.yaml: remove count_threads_threads_count_post" in journal.todo
    assert f"# From langgraph-api {CURRENT} to 99.0.0" in capsys.readouterr().out


def test_a_contract_that_cannot_be_generated_leaves_the_code_and_says_what_was_written(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown_type(document: dict[str, Any]) -> None:
        document["paths"]["/info"]["get"]["parameters"] = [{"name": "x", "in": "query", "schema": {"type": "object"}}]

    captured(monkeypatch, unknown_type, "99.0.0")
    generated = contents(tree / "allograph" / "generated")
    journal = upgrade.Journal()
    with pytest.raises(upgrade.Stopped, match="the parameter x of /info has a type that the generator does not know"):
        upgrade.upgrade("99.0.0", journal, record=False, dry_run=False)
    assert journal.doing == "regenerate"
    assert contents(tree / "allograph" / "generated") == generated
    assert journal.written == [
        "openapi/upstream.json", "openapi/upstream.version", "scripts/oracle.in", "scripts/oracle.txt",
        f"tests/contract/upstreams/{CURRENT}.json", f"tests/contract/upgrades/{CURRENT}-99.0.0.md",
    ]  # fmt: skip
    assert (tree / "openapi" / "upstream.version").read_text() == "langgraph-api 99.0.0\n"


def test_another_version_than_was_asked_for_is_refused(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    captured(monkeypatch, lambda d: None, "98.0.0")
    before = contents(tree)
    with pytest.raises(upgrade.Stopped, match=r"says that it is 98\.0\.0, not 99\.0\.0"):
        upgrade.upgrade("99.0.0", upgrade.Journal(), record=False, dry_run=False)
    assert contents(tree) == before
