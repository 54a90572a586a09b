"""The section `http` of langgraph.json, each key against a real server: own routes, switches, prefix, headers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_sync_client
from starlette.datastructures import Headers

from allograph.config import HeaderPatterns, load_config
from allograph.custom_app import load_custom_app
from allograph.errors import StartupError
from allograph.generated.routes import OPERATIONS
from allograph.http_options import TAGS, Patterns
from tests.server_process import ServerProcess, data_folder, serving
from tests.watching import eventually

GRAPH = """
from langgraph.config import get_config
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

class State(TypedDict, total=False):
    seen: dict[str, str]

def show(state: State) -> State:
    return {"seen": {key: str(value) for key, value in get_config()["configurable"].items()}}

graph = StateGraph(State).add_node(show).add_edge(START, "show").add_edge("show", END).compile()
"""

WEB = """
import contextlib
from pathlib import Path
from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel

class Greeting(BaseModel):
    hello: str

@contextlib.asynccontextmanager
async def lifespan(app):
    Path(__file__).with_name("lifespan").write_text("began")
    yield {"name": "world"}
    Path(__file__).with_name("lifespan").write_text("ended")

app = FastAPI(lifespan=lifespan, title="Mine")

@app.middleware("http")
async def mark(request: Request, call_next):
    response = await call_next(request)
    response.headers["x-mine"] = request.url.path
    return response

@app.get("/hello")
async def hello(request: Request) -> Greeting:
    return Greeting(hello=request.state.name)

@app.get("/info")
async def info():
    return {"mine": True}

@app.get("/ok")
async def ok():
    return {"mine": True}

@app.get("/teapot")
async def teapot():
    raise HTTPException(418, "short and stout")
"""


def project(folder: Path, http: Any) -> Path:
    folder.mkdir()
    (folder / "shown.py").write_text(GRAPH)
    (folder / "web.py").write_text(WEB)
    config = folder / "langgraph.json"
    config.write_text(json.dumps({"dependencies": ["."], "graphs": {"shown": "./shown.py:graph"}, "http": http}))
    return config


@pytest.fixture(scope="module")
def extended() -> Iterator[ServerProcess]:
    """A server with routes of its project, which passes headers on and logs them."""
    http = {
        "app": "./web.py:app",
        "configurable_headers": {"includes": ["x-user-*", "authorization", "checkpoint_id"], "excludes": ["x-user-secret"]},
        "logging_headers": {"excludes": ["*secret*"]},
        "middleware_order": "middleware_first",
    }
    with data_folder() as folder, serving(folder / "data", config=project(folder / "project", http)) as running:
        yield running


@pytest.fixture(scope="module")
def narrowed() -> Iterator[ServerProcess]:
    """A server under a prefix, without much of the API."""
    http = {
        "app": "./web.py:app", "mount_prefix": "/api", "disable_store": True, "disable_mcp": True, "disable_a2a": True,
        "disable_assistants": True, "disable_threads": True, "disable_meta": True,
    }  # fmt: skip
    with data_folder() as folder, serving(folder / "data", config=project(folder / "project", http)) as running:
        yield running


@pytest.fixture
def http(extended: ServerProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=extended.url, timeout=60) as client:
        yield client


def test_routes_of_a_project_come_first(http: httpx.Client) -> None:
    # The lifespan's state reaches them.
    assert http.get("/hello").json() == {"hello": "world"}
    assert http.get("/info").json() == {"mine": True}
    # But what keeps the server running asks the server.
    assert http.get("/ok").json() == {"ok": True, "services": {}}
    teapot = http.get("/teapot")
    assert (teapot.status_code, teapot.json()) == (418, {"detail": "short and stout"})


def test_where_a_project_has_no_route_the_api_answers(http: httpx.Client) -> None:
    thread = http.post("/threads", json={})
    assert thread.status_code == 200
    assert http.get(f"/threads/{thread.json()['thread_id']}").json() == thread.json()
    assert http.get("/nowhere").status_code == 404
    assert http.put("/threads").status_code == 405
    assert http.get("/docs").text.count("swagger") > 0
    assert 'path="/threads/{thread_id}"' in http.get("/metrics").text


def test_middleware_of_a_project_sees_everything(http: httpx.Client) -> None:
    for path in ("/hello", "/threads/search", "/nowhere"):
        reply = http.post(path, json={}) if path == "/threads/search" else http.get(path)
        assert reply.headers["x-mine"] == path
    # And browsers may read what the project answers.
    assert http.get("/hello", headers={"origin": "https://a.example"}).headers["access-control-allow-origin"] == "*"


def test_the_contract_has_the_routes_of_a_project(http: httpx.Client) -> None:
    document = http.get("/openapi.json").json()
    assert document["info"]["title"] != "Mine"
    assert "/hello" in document["paths"]
    assert "/threads" in document["paths"]
    assert document["paths"]["/info"]["get"]["operationId"].startswith("info")
    assert document["components"]["schemas"]["Greeting"]["properties"]["hello"]["type"] == "string"
    assert "Thread" in document["components"]["schemas"]


def test_streams_pass_middleware_of_a_project(extended: ServerProcess) -> None:
    with get_sync_client(url=extended.url) as sdk:
        chunks = list(sdk.runs.stream(None, "shown", input={}, stream_mode="updates"))
        assert [chunk.event for chunk in chunks] == ["metadata", "updates"]


def test_headers_become_configuration(http: httpx.Client) -> None:
    headers = {"X-User-Id": "7", "x-user-secret": "s", "x-other": "o", "authorization": "Bearer t", "checkpoint_id": "c"}
    body = {"assistant_id": "shown", "input": {}, "config": {"configurable": {"color": "red", "x-user-id": "forged"}}}
    seen = http.post("/runs/wait", json=body, headers=headers).json()["seen"]
    # A proxy sets the header; the body is the client's.
    assert seen["x-user-id"] == "7"
    assert seen["color"] == "red"
    assert not {"x-user-secret", "x-other", "authorization"} & set(seen)
    assert seen["checkpoint_id"] == "None"
    # One request's headers are not another's.
    assert "x-user-id" not in http.post("/runs/wait", json={"assistant_id": "shown", "input": {}}).json()["seen"]
    # Whichever way a run is made.
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "shown", "arguments": {}}}
    result = http.post("/mcp/", json=call, headers={"x-user-id": "8"}).json()["result"]
    assert result["structuredContent"]["seen"]["x-user-id"] == "8"


def test_requests_are_logged_with_headers(http: httpx.Client, extended: ServerProcess) -> None:
    http.get("/hello", headers={"x-shown": "shown-value", "x-my-secret": "hidden-value", "authorization": "hidden-too"})
    line = eventually(lambda: [one for one in extended.output.splitlines() if "shown-value" in one])[0]
    assert re.search(r"GET /hello 200 in \d+ ms", line)
    assert "hidden" not in extended.output


def test_what_is_switched_off_is_gone(narrowed: ServerProcess) -> None:
    with httpx.Client(base_url=narrowed.url, timeout=60) as http:
        for path in ("/store/items", "/assistants/search", "/threads", "/threads/search", "/mcp", "/mcp/", "/a2a/x"):
            assert http.post(f"/api{path}", json={}).status_code == 404
        for path in ("/openapi.json", "/docs", "/metrics", "/.well-known/agent-card.json"):
            assert http.get(f"/api{path}").status_code == 404
        # The project's own is not.
        assert http.get("/api/info").json() == {"mine": True}
        made = http.post("/api/runs/wait", json={"assistant_id": "shown", "input": {}})
        assert made.status_code == 200
        assert "seen" in made.json()


def test_a_prefix_is_before_everything_but_probes(narrowed: ServerProcess) -> None:
    with httpx.Client(base_url=narrowed.url, timeout=60) as http:
        assert http.get("/api/hello").json() == {"hello": "world"}
        for path in ("/hello", "/runs/wait", "/api", "/apihello", "/"):
            assert http.get(path).status_code == 404
        for path in ("/ok", "/ready", "/live"):
            assert http.get(path).json() == {"ok": True, "services": {}}
            assert http.get(f"/api{path}").status_code == 200
    with get_sync_client(url=f"{narrowed.url}/api") as sdk:
        assert [chunk.event for chunk in sdk.runs.stream(None, "shown", input={})] == ["metadata", "values"]


def test_the_lifespan_of_a_project_ends_with_the_server() -> None:
    with data_folder() as folder:
        config = project(folder / "project", {"app": "./web.py:app", "mount_prefix": "/api"})
        with serving(folder / "data", config=config) as running:
            assert (config.parent / "lifespan").read_text() == "began"
            document = httpx.get(f"{running.url}/api/openapi.json").json()
            assert document["servers"] == [{"url": f"{running.url}/api"}]
            assert running.stop() == 0
        assert (config.parent / "lifespan").read_text() == "ended"


def test_every_switch_names_tags_of_the_contract() -> None:
    known = {operation.tag for operation in OPERATIONS}
    switched = [tag for tags in TAGS.values() for tag in tags]
    assert sorted(switched) == sorted(known)


@pytest.mark.parametrize(("includes", "excludes", "passing"), [
    (None, None, []),
    (None, ["x-a"], []),
    (["*"], None, ["x-a", "x-b-c", "user-agent"]),
    (["X-*"], None, ["x-a", "x-b-c"]),
    (["x-a", "*-c"], ["x-b*"], ["x-a"]),
    (["x-[a]", "x-?"], None, []),
])  # fmt: skip
def test_patterns_of_headers(includes: Any, excludes: Any, passing: list[str]) -> None:
    headers = Headers({"X-A": "1", "x-b-c": "2", "User-Agent": "3", "Authorization": "4", "X-Api-Key": "5", "cookie": "6"})
    patterns = Patterns.of(HeaderPatterns(includes=includes, excludes=excludes), default=())
    assert list(patterns.passing(headers)) == passing


@pytest.mark.parametrize(("named", "said"), [
    ("./nothing.py:app", "there is no file"),
    ("./web.py:nothing", "has no attribute 'nothing'"),
    ("./web.py:WEB", "is of type str; expected a FastAPI or Starlette application"),
    ("./broken.py:app", "cannot be used: ZeroDivisionError: division by zero."),
])  # fmt: skip
def test_an_application_that_cannot_be_served(tmp_path: Path, named: str, said: str) -> None:
    (tmp_path / "web.py").write_text("WEB = 'x'")
    (tmp_path / "broken.py").write_text("1 / 0")
    config = tmp_path / "langgraph.json"
    config.write_text(json.dumps({"graphs": {"g": "./g.py:g"}, "http": {"app": named}}))
    with pytest.raises(StartupError, match=re.escape(f"`http.app` ({named})")) as refused:
        load_custom_app(load_config(config))
    assert said in str(refused.value)
