"""Webhooks: called at least once after each end of a run, whatever dies; nowhere they must not lead to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from allograph.config import WebhooksConfig, load_config
from allograph.errors import Invalid, StartupError
from allograph.runner.webhook_policy import WebhookPolicy
from tests.server_process import SERVED, ServerProcess, data_folder, free_port, query, serving
from tests.watching import eventually, new_thread

ENVIRONMENT = {
    "ALLOGRAPH_LEASE_SECONDS": "1", "ALLOGRAPH_POLL_SECONDS": "0.5", "BG_JOB_MAX_RETRIES": "0", "LG_WEBHOOK_TOKEN": "s3cret",
    "BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS": "0", "ALLOGRAPH_RUN_RETENTION_SECONDS": "3600",
}  # fmt: skip


class Receiver:
    """An HTTP server that keeps what it is sent; the first `fail` calls of a path `/<fail>/…` are answered with 503."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                first = self.path.split("/")[1]
                earlier = len(receiver.of(self.path))
                receiver.calls.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                if first == "redirect":
                    self.send_response(307)
                    self.send_header("location", f"http://127.0.0.1:{receiver.port}/led-here")
                else:
                    self.send_response(503 if first.isdigit() and earlier < int(first) else 200)
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def of(self, path: str) -> list[dict[str, Any]]:
        return [body for called, _, body in list(self.calls) if called == path]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    started = Receiver()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with data_folder() as made:
        yield made


@pytest.fixture(scope="module")
def config(folder: Path) -> Path:
    return written(folder / "langgraph.json", {
        "url": {"require_https": False, "disable_loopback": False},
        "headers": {"authorization": "Bearer ${{ env.LG_WEBHOOK_TOKEN }}", "x-from": "allograph"},
    })  # fmt: skip


def written(path: Path, webhooks: dict[str, Any], **more: Any) -> Path:
    """A langgraph.json that serves the counting graphs."""
    graphs = json.loads(SERVED.read_text())["graphs"]
    absolute = {name: str((SERVED.parent / place).resolve()) for name, place in graphs.items()}
    path.write_text(json.dumps({"dependencies": [str(SERVED.parent)], "graphs": absolute, "webhooks": webhooks, **more}))
    return path


@pytest.fixture(scope="module")
def server(folder: Path, config: Path) -> Iterator[ServerProcess]:
    with serving(folder / "data", config=config, environment=ENVIRONMENT) as running:
        yield running


@pytest.fixture
def http(server: ServerProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


def test_what_a_receiver_is_told(http: httpx.Client, receiver: Receiver) -> None:
    thread = http.post("/threads", json={"metadata": {"of": "me"}}).json()["thread_id"]
    body = {"assistant_id": "count", "input": {"steps": 2}, "metadata": {"k": 1}, "webhook": f"{receiver.url}/told?x=1"}
    run = http.post(f"/threads/{thread}/runs", json=body).json()
    assert run["kwargs"]["webhook"] == body["webhook"]
    (told,) = eventually(lambda: receiver.of("/told?x=1"))
    headers = next(headers for path, headers, _ in receiver.calls if path == "/told?x=1")
    assert headers["authorization"] == "Bearer s3cret"
    assert headers["x-from"] == "allograph"
    assert headers["content-type"] == "application/json"
    assert headers["host"] == receiver.url.removeprefix("http://")
    shown = http.get(f"/threads/{thread}/runs/{run['run_id']}").json()
    assert shown["status"] == told["status"] == "success"
    for field in ("run_id", "thread_id", "assistant_id", "metadata", "kwargs", "multitask_strategy", "created_at"):
        assert told[field] == shown[field], field
    assert told["values"] == http.get(f"/threads/{thread}/state").json()["values"]
    assert told["created_at"] <= told["run_started_at"] <= told["run_ended_at"] <= told["webhook_sent_at"]
    assert "error" not in told
    assert "s3cret" not in json.dumps(shown)


@pytest.mark.parametrize("way", ["/runs", "/runs/wait", "/runs/stream", "/runs/batch"])
def test_stateless_runs_tell_what_came_out(http: httpx.Client, receiver: Receiver, way: str) -> None:
    path = f"/stateless{way}"
    body = {"assistant_id": "count", "input": {"steps": 1, "tag": "s"}, "webhook": f"{receiver.url}{path}"}
    assert http.post(way, json=[body] if way.endswith("batch") else body).status_code == 200
    (told,) = eventually(lambda: receiver.of(path))
    assert told["status"] == "success"
    assert told["values"]["entries"] == ["s1"]


def test_a_failed_run_tells_why(http: httpx.Client, receiver: Receiver) -> None:
    body = {"assistant_id": "count", "input": {"steps": "three"}, "webhook": f"{receiver.url}/failed"}
    http.post("/runs/wait", json=body)
    (told,) = eventually(lambda: receiver.of("/failed"))
    assert told["status"] == "error"
    assert told["error"]["error"] == "TypeError"


@pytest.mark.parametrize("action", ["interrupt", "rollback"])
@pytest.mark.parametrize("after_seconds", [0, 600])
def test_a_cancelled_run_has_ended_too(http: httpx.Client, receiver: Receiver, action: str, after_seconds: int) -> None:
    thread, path = new_thread(http), f"/cancelled/{action}/{after_seconds}"
    body = {
        "assistant_id": "count", "input": {"steps": 1, "seconds": 600}, "webhook": f"{receiver.url}{path}",
        "after_seconds": after_seconds,
    }  # fmt: skip
    run = http.post(f"/threads/{thread}/runs", json=body).json()["run_id"]
    http.post(f"/threads/{thread}/runs/{run}/cancel", params={"wait": "true", "action": action}).raise_for_status()
    (told,) = eventually(lambda: receiver.of(path))
    assert told["run_id"] == run
    assert told["status"] == "interrupted"


def test_a_receiver_that_fails_is_called_again(server: ServerProcess, http: httpx.Client, receiver: Receiver) -> None:
    body = {"assistant_id": "count", "input": {"steps": 1}, "webhook": f"{receiver.url}/2/times"}
    run = http.post("/runs/wait", json=body)
    assert run.status_code == 200
    eventually(lambda: len(receiver.of("/2/times")) == 3)
    eventually(lambda: not query(server.data_dir, "SELECT FROM webhooks WHERE url LIKE '%%/2/times'"))
    assert len(receiver.of("/2/times")) == 3


def test_a_redirect_is_not_followed(server: ServerProcess, http: httpx.Client, receiver: Receiver) -> None:
    body = {"assistant_id": "count", "input": {"steps": 1}, "webhook": f"{receiver.url}/redirect"}
    http.post("/runs/wait", json=body).raise_for_status()
    eventually(lambda: receiver.of("/redirect"))
    statement = "SELECT last_error FROM webhooks WHERE url LIKE '%%/redirect'"
    eventually(lambda: query(server.data_dir, statement)[0]["last_error"] == "the receiver answered 307")
    assert not receiver.of("/led-here")


def test_a_call_survives_the_death_of_its_process(folder: Path, config: Path, receiver: Receiver) -> None:
    """Killed after the run has ended and before the receiver was there: the next process calls."""
    late = free_port()
    first = ServerProcess(folder / "killed", config=config, environment=ENVIRONMENT)
    try:
        with httpx.Client(base_url=first.wait_until_ready().url, timeout=60) as http:
            body = {"assistant_id": "count", "input": {"steps": 1}, "webhook": f"http://127.0.0.1:{late}/late"}
            http.post("/runs/wait", json=body).raise_for_status()
            # This one dies with its server, and has no attempt left: the server that finds out tells.
            died = {"assistant_id": "deadly", "input": {}, "webhook": f"{receiver.url}/died"}
            http.post("/runs", json=died).raise_for_status()
            first.process.wait(60)
    finally:
        first.kill()
    listener = ThreadingHTTPServer(("127.0.0.1", late), _Counting)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    try:
        with serving(folder / "killed", config=config, environment=ENVIRONMENT):
            eventually(lambda: _Counting.paths, seconds=60)
            (told,) = eventually(lambda: receiver.of("/died"), seconds=60)
            eventually(lambda: not query(folder / "killed", "SELECT FROM webhooks"))
    finally:
        listener.shutdown()
        listener.server_close()
    assert _Counting.paths == ["/late"]
    assert told["status"] == "error"
    assert told["error"]["error"] == "RunAttemptsExhausted"


class _Counting(BaseHTTPRequestHandler):
    paths: list[str] = []  # noqa: RUF012

    def do_POST(self) -> None:
        self.paths.append(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


def test_two_processes_call_once(folder: Path, config: Path, server: ServerProcess, receiver: Receiver) -> None:
    with (
        serving(server.data_dir, config=config, environment=ENVIRONMENT) as second,
        httpx.Client(base_url=server.url, timeout=60) as one,
        httpx.Client(base_url=second.url, timeout=60) as two,
    ):
        for number in range(20):
            body = {"assistant_id": "count", "input": {"steps": 1}, "webhook": f"{receiver.url}/once/{number}"}
            (one if number % 2 else two).post("/runs", json=body).raise_for_status()
        eventually(lambda: all(receiver.of(f"/once/{number}") for number in range(20)))
        eventually(lambda: not query(server.data_dir, "SELECT FROM webhooks WHERE url LIKE '%%/once/%%'"))
    assert all(len(receiver.of(f"/once/{number}")) == 1 for number in range(20))


REFUSED = [
    "nonsense", "/path", "ftp://example.com/", "http://", "http://127.0.0.1/", "http://localhost:9/", "http://[::1]/",
    "http://0x7f000001/", "http://2130706433/", "http://127.1/", "http://[::ffff:127.0.0.1]/", "http://10.0.0.1/",
    "http://192.168.1.1/x", "http://172.16.0.9/", "http://169.254.169.254/latest/meta-data", "http://[fe80::1]/", "http://[fc00::1]/",
    "http://0.0.0.0/", "http://224.0.0.1/", "http://[2002:7f00:1::]/", "http://100.64.0.1/", "https://user:word@93.184.215.14/",
    "http://no-such-host.invalid/", "http://93.184.215.14:99999/", "http://a b/", "http://exam\nple.com/", "http://[::1",
    "http://93.184.215.14/" + "x" * 3000,
]  # fmt: skip


@pytest.mark.parametrize("url", REFUSED)
async def test_where_no_webhook_leads(url: str) -> None:
    with pytest.raises(Invalid, match="webhook"):
        await WebhookPolicy().admit(url)


def test_a_refused_webhook_starts_no_run(http: httpx.Client) -> None:
    thread = new_thread(http)
    for way in ("", "/wait", "/stream"):
        body = {"assistant_id": "count", "input": {}, "webhook": "http://169.254.169.254/latest"}
        answer = http.post(f"/threads/{thread}/runs{way}", json=body)
        assert answer.status_code == 422
        assert "169.254.169.254" in answer.json()["detail"]
    assert http.get(f"/threads/{thread}/runs").json() == []


async def test_what_the_policy_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def policy(webhooks: dict[str, Any], **more: Any) -> WebhookPolicy:
        return WebhookPolicy.of(load_config(written(tmp_path / "langgraph.json", webhooks, **more)))

    public = "//93.184.215.14"
    assert (await WebhookPolicy().admit(f"http:{public}:8080/x?y")).addresses == ["93.184.215.14"]
    for webhooks, good, bad in (
        ({"url": {}}, f"https:{public}/", f"http:{public}/"),
        ({"url": {"allowed_ports": [443, 8443]}}, f"https:{public}:8443/", f"https:{public}:8080/"),
        ({"url": {"max_url_length": 30}}, f"https:{public}/", f"https:{public}/{'x' * 30}"),
        ({"url": {"allowed_domains": ["10.0.0.7"]}}, "https://10.0.0.7/", f"https:{public}/"),
        ({"url": {"disable_loopback": False}}, "https://localhost/", "https://10.0.0.7/"),
    ):
        assert (await policy(webhooks).admit(good)).addresses
        with pytest.raises(Invalid):
            await policy(webhooks).admit(bad)
    wild = policy({"url": {"allowed_domains": ["*.example.com"]}})
    for host in ("example.com", "badexample.com", "example.com.evil.net"):
        with pytest.raises(Invalid, match="allowed hosts"):
            await wild.admit(f"https://{host}/")
    with pytest.raises(Invalid, match="cannot be resolved"):
        await wild.admit("https://hooks.example.com/")  # the name passes; there is no such host here
    with pytest.raises(Invalid, match="switched off"):
        await policy({}, http={"disable_webhooks": True}).admit(f"https:{public}/")
    monkeypatch.setenv("LG_WEBHOOK_A", "1")
    monkeypatch.setenv("HOME_SECRET", "2")
    assert policy({"headers": {"a": "x-${{ env.LG_WEBHOOK_A }}"}}).headers == {"a": "x-1"}
    for header in ("${{ env.HOME_SECRET }}", "${{ env.LG_WEBHOOK_UNSET }}"):
        with pytest.raises(StartupError, match=r"webhooks\.headers\.a"):
            policy({"headers": {"a": header}})


async def test_a_name_is_looked_up_once(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address that was checked is the one that is called, whatever the name means a moment later."""
    from allograph.runner.webhooks import _address_url, _host_header

    target = await WebhookPolicy(loopback=True).admit(f"{receiver.url.replace('127.0.0.1', 'localhost')}/x?y=1#z")
    assert _host_header(target) == f"localhost:{receiver.port}"
    assert _address_url(target).endswith(f":{receiver.port}/x?y=1")
    assert "localhost" not in _address_url(target)


def test_runs_that_ended_are_swept_by_age(server: ServerProcess, http: httpx.Client) -> None:
    thread = new_thread(http)
    made = [
        http.post(f"/threads/{thread}/runs", json={"assistant_id": "count", "input": {"steps": 1}}).json()["run_id"] for _ in "ab"
    ]
    http.get(f"/threads/{thread}/runs/{made[1]}/join")
    query(server.data_dir, "UPDATE runs SET updated_at = now() - interval '2 hours' WHERE run_id = %s", [made[0]])
    eventually(lambda: [run["run_id"] for run in http.get(f"/threads/{thread}/runs").json()] == [made[1]])
    assert http.get(f"/threads/{thread}/state").json()["values"]["entries"]


def test_threads_live_as_long_as_the_configuration_says(folder: Path) -> None:
    config = written(
        folder / "ttl.json", {}, checkpointer={"ttl": {"strategy": "delete", "default_ttl": 0.03, "sweep_limit": 7}}
    )  # fmt: skip
    environment = {**ENVIRONMENT, "ALLOGRAPH_LEASE_SECONDS": "1"}
    with (
        serving(folder / "ttl", config=config, environment=environment) as first,
        serving(folder / "ttl", config=config, environment=environment),
        httpx.Client(base_url=first.url, timeout=60) as http,
    ):
        kept = http.post("/threads", json={"ttl": {"ttl": 60}}).json()["thread_id"]
        made = [http.post("/threads", json={}).json()["thread_id"] for _ in range(20)]
        body = {"assistant_id": "count", "input": {"steps": 1}, "if_not_exists": "create"}
        by_run = "6ba7b812-9dad-41d1-80b4-00c04fd430c8"
        http.post(f"/threads/{by_run}/runs/wait", json=body).raise_for_status()
        shown = http.get(f"/threads/{by_run}", params={"include": "ttl"})
        assert shown.status_code == 404 or shown.json()["ttl"]["ttl_minutes"] == 0.03
        eventually(lambda: all(http.get(f"/threads/{one}").status_code == 404 for one in [*made, by_run]), seconds=60)
        assert http.get(f"/threads/{kept}").status_code == 200
        assert query(folder / "ttl", "SELECT count(*) FROM checkpoints WHERE thread_id = %s", [by_run])[0]["count"] == 0


def test_the_policy_is_a_part_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path / "langgraph.json", {"url": {"allowed_ports": [8443]}, "env_prefix": "HOOK_"})
    read = load_config(path).webhooks
    assert isinstance(read, WebhooksConfig)
    assert read.env_prefix == "HOOK_"
