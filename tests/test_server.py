"""The process: how it starts, what it says when it cannot, what it serves beyond the contract, how it stops."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from allograph import contract
from tests.server_process import SERVED, ServerProcess, data_folder, query, serving
from tests.watching import ended, eventually, new_run, new_thread

DECIDING = ("PORT", "HOST", "LANGGRAPH_JSON", "DATABASE_URI", "DATABASE_URL", "POSTGRES_URI")
"""What the environment of the tests must not decide."""

GRAPH = """
from langgraph.graph import END, START, StateGraph


def node(state: dict) -> dict:
    return {"said": "hello"}


graph = StateGraph(dict).add_node(node).add_edge(START, "node").add_edge("node", END).compile()
"""


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """One database for all projects of this module: it must not be made anew for each."""
    with data_folder() as folder:
        yield folder / "data"


@pytest.fixture
def http(served: ServerProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, timeout=10) as client:
        yield client


def project(folder: Path, config: Any = None, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in {"graph": GRAPH, **files}.items():
        (folder / f"{name}.py").write_text(text)
    config = {"graphs": {"mine": "./graph.py:graph"}, "dependencies": ["."]} if config is None else config
    (folder / "langgraph.json").write_text(config if isinstance(config, str) else json.dumps(config))
    return folder


def run_refused(folder: Path, data_dir: Path, arguments: Sequence[str] = (), **environment: str) -> str:
    """What `allograph serve` writes when it does not start."""
    kept = {name: value for name, value in os.environ.items() if name not in DECIDING}
    done = subprocess.run(
        [sys.executable, "-m", "allograph.cli", "serve", *arguments], cwd=folder, stdin=subprocess.DEVNULL, check=False,
        capture_output=True, text=True, timeout=60, env={**kept, "ALLOGRAPH_DATA_DIR": str(data_dir), **environment},
    )  # fmt: skip
    return f"{done.stderr}{done.stdout}exit code {done.returncode}"


def assert_sentence(said: str, *expected: str) -> None:
    assert said.endswith("\nexit code 1"), said
    assert "Traceback" not in said, said
    assert re.search(r"^allograph: ", said, re.MULTILINE), said
    assert [part for part in expected if part not in said] == [], said


# ---- starting


def test_a_newcomer_reads_where_to_go(tmp_path: Path, data_dir: Path) -> None:
    with serving(data_dir, config=None, cwd=project(tmp_path / "project")) as server:
        said = server.output
        assert f"http://localhost:{server.port}\n" in said.replace(" [allograph]", "")
        assert f"http://localhost:{server.port}/docs" in said
        assert re.search(r"graphs mine\b", said)
        assert re.search(r"ready in \d", said)
        assert httpx.get(f"{server.url}/docs").status_code == 200
        answer = httpx.post(f"{server.url}/runs/wait", json={"assistant_id": "mine", "input": {}})
        assert answer.json() == {"said": "hello"}
        server.process.send_signal(signal.SIGINT)  # Ctrl-C
        assert server.process.wait(10) == 0
    assert "Traceback" not in server.output


def test_the_bundled_agent_says_which_model_answers(data_dir: Path) -> None:
    root = Path(__file__).parents[1]
    with serving(data_dir, config=root / "agent" / "langgraph.json", environment={"OPENAI_API_KEY": ""}) as server:
        assert re.search(r"model.*offline|offline.*model", server.output, re.IGNORECASE), server.output


def _serve_anywhere(folder: Path, data_dir: Path) -> subprocess.Popen[bytes]:
    """`allograph serve` on the port that it chooses."""
    kept = {name: value for name, value in os.environ.items() if name not in DECIDING}
    with (folder / "log").open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "allograph.cli", "serve"], cwd=folder, stdout=output, stderr=subprocess.STDOUT,
            env={**kept, "ALLOGRAPH_DATA_DIR": str(data_dir)},
        )  # fmt: skip


def test_a_taken_default_port_is_stepped_over(tmp_path: Path, data_dir: Path) -> None:
    folder = project(tmp_path / "project")
    with contextlib.ExitStack() as stack:
        default = stack.enter_context(socket.socket())
        default.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # something else has it already: as good
            default.bind(("127.0.0.1", 2024))
            default.listen()
        process = _serve_anywhere(folder, data_dir)
        try:
            said = eventually(lambda: "ready in" in (text := (folder / "log").read_text()) and text)
            found = re.search(r"port 2024 is taken, so this is (\d+)", said)
            assert found, said
            assert httpx.get(f"http://127.0.0.1:{found[1]}/ok").status_code == 200
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0


def test_a_taken_chosen_port_is_refused(tmp_path: Path, data_dir: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = run_refused(project(tmp_path / "project"), data_dir, ["--port", str(port)])
    assert_sentence(said, f"Port {port} on 127.0.0.1 is taken")


BROKEN = {
    "not-json": ("{", {}, ["langgraph.json", "not JSON", "line 1"]),
    "unknown-key": ({"graphs": {"mine": "./graph.py:graph"}, "grahps": {}}, {}, ["`grahps`", "did you mean `graphs`"]),
    "no-variable": ({"graphs": {"mine": "./graph.py:grpah"}}, {}, ["mine", "graph.py", "grpah"]),
    "import-error": (None, {"graph": "import os\n\nimport no_such_one\n"}, ["graph.py", "line 3", "no_such_one"]),
    "nested-import": (
        None,
        {"graph": "from other import thing\n", "other": "\n\nfrom os import no_such_name\n"},
        ["other.py", "line 3", "no_such_name"],
    ),
}  # fmt: skip


UNUSABLE = {
    "PORT": "eighty",
    "N_JOBS_PER_WORKER": "-1",
    "LOG_LEVEL": "chatty",
    "DATABASE_URI": "postgresql://someone:secret@127.0.0.1:1/none?connect_timeout=2",
    "POSTGRES_URI": "postgresql:/someone:secret@[",
    "LANGGRAPH_JSON": "/no/such/langgraph.json",
    "HOST": "192.0.2.1",
}


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Iterator[Mapping[str, Future[str]]]:
    """What each of the servers said that cannot start: they are started side by side."""
    folder = tmp_path_factory.mktemp("projects")
    with ThreadPoolExecutor(3) as pool:
        told = {
            case: pool.submit(run_refused, project(folder / case, config, **files), data_dir)
            for case, (config, files, _) in BROKEN.items()
        }
        good = project(folder / "good")
        for name, value in UNUSABLE.items():
            told[name] = pool.submit(run_refused, good, data_dir, **{name: value})
        (folder / "empty").mkdir()
        told["nothing"] = pool.submit(run_refused, folder / "empty", data_dir)
        yield told


@pytest.mark.parametrize("case", BROKEN)
def test_what_cannot_be_served_is_told_in_a_sentence(case: str, refusals: Mapping[str, Future[str]]) -> None:
    said = refusals[case].result().replace('", line', ", line").replace(".py:", ".py, line ")
    assert_sentence(said, *BROKEN[case][2])


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_environment_that_cannot_be_used_is_told_in_a_sentence(name: str, refusals: Mapping[str, Future[str]]) -> None:
    said = refusals[name].result()
    assert_sentence(said)
    assert name in said or UNUSABLE[name] in said, said
    assert "secret" not in said


def test_no_langgraph_json_is_told(refusals: Mapping[str, Future[str]]) -> None:
    assert_sentence(refusals["nothing"].result(), "langgraph.json")


def test_two_servers_start_at_once_on_one_new_folder(tmp_path: Path) -> None:
    with data_folder() as folder:
        servers = [ServerProcess(folder / "data", config=SERVED) for _ in range(2)]
        try:
            for server in servers:
                server.wait_until_ready()
            first, second = (httpx.Client(base_url=server.url) for server in servers)
            with first, second:
                thread = new_thread(first)
                run = new_run(second, thread, "count", {"steps": 1})
                assert ended(first, thread, run) == "success"
                found = second.post("/assistants/search", json={"graph_id": "count"}).json()
                assert len(found) == 1
            assert [server.stop() for server in servers] == [0, 0]
        finally:
            for server in servers:
                server.kill()


# ---- beyond the contract


def test_health(http: httpx.Client) -> None:
    for path in ("/ok", "/ok?check_db=1", "/health", "/ready", "/live"):
        answer = http.get(path)
        assert (answer.status_code, answer.json()["ok"]) == (200, True)
    assert http.get("/ok?check_db=maybe").status_code == 422
    info = http.get("/info").json()
    assert info["flags"]["assistants"] is True
    assert info["metadata"]


def test_docs_need_no_internet(http: httpx.Client) -> None:
    page = http.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    linked = re.findall(r'(?:href|src|url)(?:=|: )"(/[^"]+)"', page.text)
    assert len(linked) >= 3
    for link in linked:
        answer = http.get(link)
        assert answer.status_code == 200, link
        assert answer.content
    assert not re.search(r"https?://", page.text)


def test_docs_run_nothing_else_and_are_in_no_frame(http: httpx.Client) -> None:
    page = http.get("/docs")
    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert (page.headers["x-frame-options"], page.headers["x-content-type-options"]) == ("DENY", "nosniff")
    # What the policy forbids is not in the page: each script has a source.
    assert re.findall(r"<script(?! src=)", page.text) == []


def test_the_served_contract_is_the_generated_one(http: httpx.Client, served: ServerProcess) -> None:
    document = http.get("/openapi.json").json()
    assert document.pop("servers") == [{"url": served.url}]
    generated = json.loads((Path(contract.__file__).parent / "generated" / "openapi.json").read_text())
    graphs = set(json.loads(SERVED.read_text())["graphs"])
    filled = 0

    def without_graphs(node: Any) -> Any:
        nonlocal filled
        if isinstance(node, list):
            return [without_graphs(item) for item in node]
        if not isinstance(node, dict):
            return node
        if set(node.get("enum", [0])) == graphs:
            filled += 1
            node = {key: value for key, value in node.items() if key != "enum"}
        return {key: without_graphs(value) for key, value in node.items()}

    assert without_graphs(document) == generated
    assert filled


def test_every_operation_is_answered(http: httpx.Client) -> None:
    """No operation of the contract is unknown: what is not there yet says so with 501."""
    document = http.get("/openapi.json").json()
    answers = {}
    for path, operations in document["paths"].items():
        for method in operations:
            if (method, path) in (("post", "/runs/cancel"), ("post", "/threads/prune")) or method == "delete":
                continue
            url = re.sub(r"\{\w*id\}", "00000000-0000-4000-8000-000000000000", path).replace("{namespace}", "x")
            with http.stream(method, url, json={} if method in ("post", "put", "patch") else None) as answer:
                answers[method, path] = answer.status_code
    # The contract declares that one: the server sends MCP clients nothing that they have not asked for.
    assert answers.pop(("get", "/mcp/")) == 405
    assert {one: status for one, status in answers.items() if status in (405, 500)} == {}
    assert len(answers) > 50


@pytest.mark.parametrize("origin", ["http://localhost:3000", "https://smith.langchain.com", "https://agentchat.vercel.app"])
def test_browsers_may_connect(http: httpx.Client, origin: str) -> None:
    preflight = http.options(
        "/threads/search",
        headers={
            "origin": origin, "access-control-request-method": "POST", "access-control-request-headers": "content-type,x-api-key",
            "access-control-request-private-network": "true",
        },
    )  # fmt: skip
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] in ("*", origin)
    assert "POST" in preflight.headers["access-control-allow-methods"]
    allowed = preflight.headers["access-control-allow-headers"].lower()
    assert "x-api-key" in allowed or allowed == "*"
    assert preflight.headers["access-control-allow-private-network"] == "true"
    for answer in (
        http.post("/threads/search", json={}, headers={"origin": origin}),
        http.post("/threads/search", content=b"{", headers={"origin": origin}),
        http.get("/nowhere", headers={"origin": origin}),
    ):
        assert answer.headers["access-control-allow-origin"] in ("*", origin)
        assert "x-pagination-total" in answer.headers["access-control-expose-headers"].lower()


def test_what_is_not_there_is_told_as_json(http: httpx.Client) -> None:
    assert http.get("/nowhere").status_code == 404
    assert "detail" in http.get("/nowhere").json()
    wrong = http.put("/threads/search", json={})
    assert wrong.status_code == 405
    assert "POST" in wrong.headers["allow"]
    assert "detail" in wrong.json()


# ---- stopping


def test_a_stop_takes_seconds_whatever_is_open(data_dir: Path, tmp_path: Path) -> None:
    """Runs that execute, runs that wait, streams and joins: the exit code is 0, and the data are there afterwards."""
    gate = tmp_path / "gate"
    environment = {"BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS": "1", "N_JOBS_PER_WORKER": "2"}
    with serving(data_dir, config=SERVED, environment=environment) as server, contextlib.ExitStack() as stack:
        http = stack.enter_context(httpx.Client(base_url=server.url, timeout=20))
        thread = new_thread(http)
        first = new_run(http, thread, "count", {"gate": str(gate)})
        second = new_run(http, thread, "count", {"tag": "y", "gate": str(gate)})
        for run in (first, second):
            stack.enter_context(http.stream("GET", f"/threads/{thread}/runs/{run}/stream"))
            stack.enter_context(http.stream("GET", f"/threads/{thread}/runs/{run}/join"))
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 6
    assert "Traceback" not in server.output
    runs = query(data_dir, "SELECT run_id::text, status FROM runs WHERE thread_id = %s ORDER BY seq", [thread])
    assert runs == [{"run_id": first, "status": "pending"}, {"run_id": second, "status": "pending"}]
    gate.touch()
    with serving(data_dir, config=SERVED) as server, httpx.Client(base_url=server.url) as http:
        assert (ended(http, thread, first), ended(http, thread, second)) == ("success", "success")
        entries = http.get(f"/threads/{thread}/state").json()["values"]["entries"]
        assert entries == ["x1", "x2", "x3", "y1", "y2", "y3"]


def test_what_never_ends_does_not_hold_up_a_stop(data_dir: Path, tmp_path: Path) -> None:
    """A stream of a whole thread, and a run in the queue: neither can use the long time that executing runs are given."""
    gate = tmp_path / "gate"
    environment = {"N_JOBS_PER_WORKER": "1", "BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS": "60"}
    with serving(data_dir, config=SERVED, environment=environment) as server, contextlib.ExitStack() as stack:
        http = stack.enter_context(httpx.Client(base_url=server.url, timeout=20))
        thread, other = new_thread(http), new_thread(http)
        executing = new_run(http, thread, "count", {"gate": str(gate)})
        queued = new_run(http, other, "count", {"steps": 1})
        stack.enter_context(http.stream("GET", f"/threads/{thread}/stream"))
        stack.enter_context(http.stream("GET", f"/threads/{other}/runs/{queued}/stream"))
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        gate.touch()
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 6
    assert "Traceback" not in server.output
    runs = query(data_dir, "SELECT status FROM runs WHERE run_id = ANY(%s) ORDER BY seq", [[executing, queued]])
    assert [run["status"] for run in runs] == ["success", "pending"]


def test_a_run_that_ends_within_the_grace_is_not_handed_back(data_dir: Path) -> None:
    environment = {"BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS": "20"}
    with serving(data_dir, config=SERVED, environment=environment) as server, httpx.Client(base_url=server.url, timeout=20) as http:
        body = {"assistant_id": "count", "input": {"seconds": 0.3}, "stream_mode": "custom"}
        thread = new_thread(http)
        with http.stream("POST", f"/threads/{thread}/runs/stream", json=body) as response:
            server.process.send_signal(signal.SIGTERM)
            text = response.read().decode()
        assert text.count("event: custom") == 3, "the open stream is finished"
        assert server.process.wait(10) == 0
    assert query(data_dir, "SELECT status, attempt FROM runs WHERE thread_id = %s", [thread]) == [
        {"status": "success", "attempt": 1}
    ]
