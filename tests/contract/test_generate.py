"""The generator on the contract as it is and on contracts that changed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from allograph.generated.routes import OPERATIONS
from scripts.contract.cli import GENERATED, OPENAPI, ROOT
from scripts.contract.generate import files, stale
from scripts.contract.operations import ContractError, derived_name
from scripts.oracle import free_port
from tests.contract.conftest import Workshop, archive_thread

SERVER = """
import sys
import uvicorn
from fastapi import FastAPI
from starlette.responses import JSONResponse
from allograph.errors import ApiError
from allograph.generated import interface, routes
from allograph.replies import Json

class System(interface.System):
    async def check_health(self, request, *, check_db=0):
        return Json(b'{"ok":true}')

async def refused(request, error):
    return JSONResponse({"detail": error.detail}, error.status)

app = FastAPI(exception_handlers={ApiError: refused})
routes.register(app, interface.Handlers(system=System()))
uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")
"""


@contextmanager
def serving(workshop: Workshop) -> Iterator[httpx.Client]:
    """A real server on the generated code of the workshop."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(port)], cwd=workshop.root, env={"PYTHONPATH": str(workshop.root)})
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            deadline = time.monotonic() + 20
            while True:
                try:
                    assert client.get("/ok").json() == {"ok": True}
                    break
                except httpx.ConnectError:
                    assert process.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            yield client
    finally:
        process.terminate()
        process.wait(10)


def test_what_is_checked_in_is_what_the_contract_gives() -> None:
    assert stale(OPENAPI, GENERATED) == []


def test_generating_twice_gives_the_same_bytes() -> None:
    assert files(OPENAPI) == files(OPENAPI)


def test_each_python_file_says_what_made_it() -> None:
    for path in GENERATED.glob("*.py"):
        first = path.read_text().splitlines()[0]
        assert "make regen" in first
        assert "openapi/upstream.json" in first
        assert (OPENAPI / "upstream.version").read_text().strip() in first


def test_a_changed_missing_or_left_over_file_is_stale(workshop: Workshop) -> None:
    workshop.generate()
    before = {path.name: path.read_bytes() for path in workshop.generated.iterdir()}
    (workshop.generated / "routes.py").write_text("# edited by hand\n")
    (workshop.generated / "models.py").unlink()
    (workshop.generated / "old_models.py").touch()
    assert stale(workshop.openapi, workshop.generated) == ["models.py", "old_models.py", "routes.py"]
    workshop.generate()
    assert {path.name: path.read_bytes() for path in workshop.generated.iterdir()} == before


def test_a_failing_run_leaves_what_was_there(workshop: Workshop) -> None:
    workshop.generate()
    before = {path.name: path.read_bytes() for path in workshop.generated.iterdir()}
    (workshop.openapi / "upstream.json").write_text('{"paths": {}}')
    with pytest.raises(Exception, match="matches nothing"):
        workshop.generate()
    assert {path.name: path.read_bytes() for path in workshop.generated.iterdir()} == before


def test_every_operation_of_the_contract_is_generated_once() -> None:
    contract = json.loads((GENERATED / "openapi.json").read_bytes())
    declared = {(method.upper(), path) for path, item in contract["paths"].items() for method in item}
    generated = [(operation.method, operation.path) for operation in OPERATIONS]
    assert sorted(generated) == sorted(declared)
    for operation in OPERATIONS:
        source = contract["paths"][operation.path][operation.method.lower()]
        assert operation.operation_id == source["operationId"]
        assert operation.tag == source["tags"][0]
        assert sorted(map(str, operation.statuses)) == sorted(source["responses"])


def test_literal_paths_come_before_templated_ones() -> None:
    paths = [operation.path for operation in OPERATIONS]
    for literal, templated in (
        ("/threads/search", "/threads/{thread_id}"),
        ("/threads/{thread_id}/state/checkpoint", "/threads/{thread_id}/state/{checkpoint_id}"),
        ("/runs/crons/search", "/runs/crons/{cron_id}"),
        ("/threads/{thread_id}/runs/crons", "/threads/{thread_id}/runs/{run_id}"),
        ("/threads/{thread_id}/runs/wait", "/threads/{thread_id}/runs/{run_id}"),
    ):
        assert paths.index(literal) < paths.index(templated)


def test_an_added_operation_answers_501_until_its_handler_is_written(workshop: Workshop) -> None:
    workshop.change(archive_thread)
    workshop.generate()
    with serving(workshop) as client:
        answer = client.post("/threads/7d0d42ee-2b13-4d51-9d2c-6d0e4a4a4a4a/archive", json={"reason": "old"})
        assert answer.status_code == 501
        assert "Threads.archive_thread" in answer.json()["detail"]
        assert "/threads/{thread_id}/archive" in answer.json()["detail"]
        assert client.delete("/threads/7d0d42ee-2b13-4d51-9d2c-6d0e4a4a4a4a/archive").headers["allow"] == "POST"


def test_the_type_checker_names_the_method_to_write(workshop: Workshop) -> None:
    def only_mcp(document: dict[str, Any]) -> None:
        document["paths"]["/mcp/sessions"] = {
            "get": {"tags": ["MCP"], "operationId": "list_mcp_sessions", "responses": {"200": {"description": "ok"}}}
        }

    handler = """
from typing import final
from starlette.requests import Request
from starlette.responses import Response
from allograph.generated import interface
from allograph.replies import NoContent

@final
class Mcp(interface.MCP):
    async def post_mcp(self, request: Request, body: bytes) -> Response:
        return Response()
    async def get_mcp(self, request: Request) -> Response:
        return Response()
    async def delete_mcp(self, request: Request) -> NoContent:
        return NoContent()

handlers = interface.Handlers(mcp=Mcp())
"""
    workshop.generate()
    assert "Success" in workshop.mypy(handler)
    workshop.change(only_mcp)
    workshop.generate()
    said = workshop.mypy(handler)
    assert "Mcp" in said
    assert '"list_mcp_sessions"' in said
    assert "abstract" in said


def test_the_type_checker_refuses_a_wrong_signature(workshop: Workshop) -> None:
    workshop.generate()
    said = workshop.mypy("""
from uuid import UUID
from starlette.requests import Request
from allograph.generated import interface, models
from allograph.replies import Json

class Threads(interface.Threads):
    async def get_thread(self, request: Request, thread_id: str, *, include: str | None = None) -> Json[models.Thread]:
        return Json(b"{}")

class Wrong(interface.Threads):
    async def get_thread(self, request: Request, thread_id: UUID) -> Json[models.Thread]:
        return Json(b"{}")

class Reply(interface.Threads):
    async def get_thread(self, request: Request, thread_id: UUID, *, include: str | None = None) -> Json[models.Run]:
        return Json(b"{}")
""")
    assert said.count('"get_thread"') == 3, said


def test_a_body_field_that_is_added_is_checked(workshop: Workshop) -> None:
    def priority(document: dict[str, Any]) -> None:
        document["components"]["schemas"]["ThreadCreate"]["properties"]["priority"] = {"type": "integer", "maximum": 9}

    workshop.change(priority)
    workshop.generate()
    checked = workshop.python("-c", """
from allograph.errors import Invalid
from allograph.generated.routes import _CREATE_THREAD_BODY as body
assert body._checked(b'{"priority": 3}').priority == 3
try:
    body._checked(b'{"priority": 10}')
except Invalid as error:
    print(error.detail)
""")  # fmt: skip
    assert checked.stdout == "priority: expected at most 9, got 10\n", checked.stderr


def test_a_removed_operation_leaves_the_code(workshop: Workshop) -> None:
    workshop.change(lambda document: document["paths"].pop("/threads/count"))
    workshop.generate()
    assert "count_threads" not in (workshop.generated / "interface.py").read_text()
    assert "/threads/count" not in (workshop.generated / "routes.py").read_text()


def test_two_operations_of_one_name_are_refused(workshop: Workshop) -> None:
    with (workshop.openapi / "operations.yaml").open("a") as names:
        names.write("archive_thread_threads__thread_id__archive_post: get_thread\n")
    workshop.change(archive_thread)
    with pytest.raises(ContractError, match=r"both called get_thread.*operations\.yaml"):
        workshop.generate()


@pytest.mark.parametrize(
    ("operation_id", "path", "method", "name"),
    [
        ("archive_thread_threads__thread_id__archive_post", "/threads/{thread_id}/archive", "post", "archive_thread"),
        ("listThings", "/things", "get", "list_things"),
        ("get_item", "/store/items", "get", "get_item"),
        ("server_status_status_get", "/status", "get", "server_status"),
    ],
)
def test_an_operation_that_nobody_named(operation_id: str, path: str, method: str, name: str) -> None:
    assert derived_name(operation_id, path, method) == name


def test_the_handlers_of_this_project_fail_the_type_check_until_the_method_is_written(workshop: Workshop) -> None:
    """Each handler class is `@final`: mypy then reports what it lacks where it is defined, however it is instantiated."""
    for folder in (ROOT / "allograph").iterdir():
        if folder.is_dir() and folder.name != "generated":
            shutil.copytree(folder, workshop.root / "allograph" / folder.name)
    workshop.generate()
    check = "from allograph.handlers.threads import Threads\n"
    assert "Success" in workshop.mypy(check)
    workshop.change(archive_thread)
    workshop.generate()
    said = workshop.mypy(check)
    assert "handlers/threads.py" in said, "the handler classes must be @final: a plain subclass is not checked"
    assert '"archive_thread"' in said
