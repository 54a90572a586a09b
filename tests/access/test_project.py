"""A project with an `Auth` of its own, as the examples of `langgraph_sdk` build it: it works unchanged, and keeps its secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets.sync.client
from langgraph_sdk import get_client
from langgraph_sdk.errors import NotFoundError
from websockets.exceptions import InvalidStatus

from tests.server_process import ServerProcess, data_folder, query, serving
from tests.watching import eventually

PROJECT = Path(__file__).parent / "project" / "langgraph.json"


@pytest.fixture(scope="module")
def banned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("banned") / "users"


@pytest.fixture(scope="module")
def served(banned: Path) -> Iterator[ServerProcess]:
    environment = {"BANNED": str(banned), "ALLOGRAPH_POLL_SECONDS": "0.5"}
    with data_folder() as folder, serving(folder / "data", config=PROJECT, environment=environment) as running:
        yield running


def user(served: ServerProcess, name: str | None) -> httpx.Client:
    return httpx.Client(base_url=served.url, headers={"authorization": f"Bearer {name}"} if name else {}, timeout=30)


@pytest.fixture
def alice(served: ServerProcess) -> Iterator[httpx.Client]:
    with user(served, "alice") as client:
        yield client


@pytest.fixture
def bob(served: ServerProcess) -> Iterator[httpx.Client]:
    with user(served, "bob") as client:
        yield client


def new_thread(client: httpx.Client, **body: Any) -> str:
    thread_id: str = client.post("/threads", json=body).json()["thread_id"]
    return thread_id


# ---- who comes


@pytest.mark.parametrize("header", [None, "Bearer mallory", "Basic alice", "alice", ""])
def test_nobody_is_refused_before_anything_else_is_looked_at(served: ServerProcess, header: str | None) -> None:
    headers = {"authorization": header} if header is not None else {}
    for method, path, body in (("POST", "/threads", b"{no json"), ("PUT", "/ok/nothing", b""), ("GET", "/threads/no-uuid", b"")):
        reply = httpx.request(method, served.url + path, content=body, headers=headers)
        assert (reply.status_code, reply.json()) == (401, {"detail": "Invalid token"})
        assert reply.headers["www-authenticate"] == "Bearer"


def test_browsers_may_ask_what_they_may_ask_without_a_token(served: ServerProcess) -> None:
    origin = {"origin": "https://app.example", "access-control-request-method": "POST"}
    asked = {**origin, "access-control-request-headers": "authorization"}
    assert httpx.options(f"{served.url}/threads", headers=asked).status_code == 200
    refused = httpx.post(f"{served.url}/threads", json={}, headers={"origin": "https://app.example"})
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"]


def test_a_socket_of_nobody_is_not_accepted(served: ServerProcess, alice: httpx.Client) -> None:
    url = f"{served.url.replace('http', 'ws')}/threads/{new_thread(alice)}/stream/events"
    with pytest.raises(InvalidStatus) as refused:
        websockets.sync.client.connect(url)
    assert refused.value.response.status_code == 403
    with websockets.sync.client.connect(url, additional_headers={"authorization": "Bearer alice"}) as socket:
        socket.send(json.dumps({"id": 1, "method": "state.get", "params": {}}))
        assert json.loads(socket.recv(10))["type"] == "success"


def test_what_everybody_may_know(served: ServerProcess) -> None:
    info = httpx.get(f"{served.url}/info").json()
    assert info["flags"]["assistants"]
    assert not info["metadata"]
    contract = httpx.get(f"{served.url}/openapi.json").json()
    assert contract["security"] == [{"bearer": []}]
    assert contract["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert contract["paths"]["/ok"]["get"]["security"] == []
    assert "401" in contract["paths"]["/threads"]["post"]["responses"]


async def test_the_client_of_the_sdk(served: ServerProcess) -> None:
    async with (
        get_client(url=served.url, headers={"Authorization": "Bearer alice"}) as client,
        get_client(url=served.url, headers={"Authorization": "Bearer bob"}) as stranger,
    ):
        thread = await client.threads.create()
        output: Any = await client.runs.wait(thread["thread_id"], "told", input={})
        assert output["user"]["identity"] == "alice"
        with pytest.raises(NotFoundError, match="not found"):
            await stranger.threads.get(thread["thread_id"])


def test_a_server_that_is_open_to_a_network_says_so_loudly() -> None:
    said = "ANYBODY WHO REACHES 0.0.0.0"
    with data_folder() as folder, serving(folder / "data", "--host", "0.0.0.0") as running:
        assert said in running.output
    with data_folder() as folder, serving(folder / "data", "--host", "0.0.0.0", config=PROJECT) as running:
        assert said not in running.output
    with data_folder() as folder, serving(folder / "data") as running:
        assert "ANYBODY" not in running.output


# ---- whose it is


def test_the_word_of_the_server_counts_not_the_clients(alice: httpx.Client, bob: httpx.Client) -> None:
    thread = alice.post("/threads", json={"metadata": {"owner": "bob", "a": 1}}).json()
    assert thread["metadata"] == {"owner": "alice", "a": 1}
    changed = alice.patch(f"/threads/{thread['thread_id']}", json={"metadata": {"owner": "bob", "a": 2}}).json()
    assert changed["metadata"] == {"owner": "alice", "a": 2}
    run = {"assistant_id": "told", "input": {}, "metadata": {"owner": "bob"}, "config": {"metadata": {"owner": "bob"}}}
    made = alice.post(f"/threads/{thread['thread_id']}/runs", json=run).json()
    assert made["metadata"]["owner"] == "alice"
    assert bob.get(f"/threads/{thread['thread_id']}").status_code == 404
    assert bob.post("/threads/search", json={"metadata": {"owner": "alice"}}).json() == []
    assistant = alice.post("/assistants", json={"graph_id": "told", "metadata": {"owner": "bob", "created_by": "system"}}).json()
    assert assistant["metadata"]["owner"] == "alice"
    assert bob.get(f"/assistants/{assistant['assistant_id']}").status_code == 404
    assert bob.post("/runs/wait", json={"assistant_id": assistant["assistant_id"], "input": {}}).status_code == 404


def test_a_copy_belongs_to_who_made_it(served: ServerProcess, alice: httpx.Client) -> None:
    with user(served, "admin") as admin:
        thread_id = new_thread(alice)
        copy = alice.post(f"/threads/{thread_id}/copy").json()
        assert copy["metadata"]["owner"] == "alice"
        assert admin.get(f"/threads/{copy['thread_id']}").status_code == 200


def test_an_id_that_is_taken_is_taken(alice: httpx.Client, bob: httpx.Client) -> None:
    thread_id = new_thread(alice)
    for if_exists in ("raise", "do_nothing"):
        reply = bob.post("/threads", json={"thread_id": thread_id, "if_exists": if_exists})
        assert (reply.status_code, reply.json()) == (409, {"detail": f"Thread with ID {thread_id} already exists"})
    assert alice.post("/threads", json={"thread_id": thread_id, "if_exists": "do_nothing"}).status_code == 200


def test_deleting_an_assistant_leaves_the_threads_of_others(served: ServerProcess, bob: httpx.Client) -> None:
    with user(served, "admin") as admin:
        made = admin.post("/assistants", json={"graph_id": "told", "metadata": {"owner": "bob"}}).json()["assistant_id"]
        mine, theirs = new_thread(bob), new_thread(admin)
        for client, thread_id in ((bob, mine), (admin, theirs)):
            client.post(f"/threads/{thread_id}/runs/wait", json={"assistant_id": made, "input": {}}).raise_for_status()
        assert bob.delete(f"/assistants/{made}?delete_threads=true").status_code == 204
        assert bob.get(f"/threads/{mine}").status_code == 404
        assert admin.get(f"/threads/{theirs}").status_code == 200


def test_events_of_a_thread_that_somebody_else_makes_are_not_shown(alice: httpx.Client, bob: httpx.Client) -> None:
    """A stream may be opened before its thread exists."""
    thread_id = new_thread(bob)
    bob.delete(f"/threads/{thread_id}")
    with alice.stream("POST", f"/threads/{thread_id}/stream/events", json={"channels": ["values", "lifecycle"]}) as stream:
        assert stream.status_code == 200
        new_thread(bob, thread_id=thread_id)
        run = {"assistant_id": "told", "input": {"said": "private"}, "stream_resumable": True}
        bob.post(f"/threads/{thread_id}/runs/wait", json=run).raise_for_status()
        # The next thing that comes is a sign of life, after everything that the run has said.
        came = next(stream.iter_raw())
    assert came.startswith(b":")


def test_bulk_cancels_end_ones_own(alice: httpx.Client, bob: httpx.Client) -> None:
    later = {"assistant_id": "told", "input": {}, "after_seconds": 3600}
    runs = {}
    for client in (alice, bob):
        thread_id = new_thread(client)
        runs[client] = f"/threads/{thread_id}/runs/{client.post(f'/threads/{thread_id}/runs', json=later).json()['run_id']}"
    assert alice.post("/runs/cancel", json={"status": "all"}).status_code == 204
    assert alice.get(runs[alice]).json()["status"] == "interrupted"
    assert bob.get(runs[bob]).json()["status"] == "pending"
    bob.post("/runs/cancel", json={"status": "all"})


def test_a_session_of_mcp_is_one_users(alice: httpx.Client, bob: httpx.Client) -> None:
    """Its id is no secret between users: whoever guesses it ends nothing with it."""
    later = {"assistant_id": "told", "input": {}, "after_seconds": 3600, "metadata": {"mcp_session": "s1"}}
    thread_id = new_thread(alice)
    run_id = alice.post(f"/threads/{thread_id}/runs", json=later).json()["run_id"]
    bob.delete("/mcp/", headers={"mcp-session-id": "s1"})
    assert alice.get(f"/threads/{thread_id}/runs/{run_id}").json()["status"] == "pending"
    alice.delete("/mcp/", headers={"mcp-session-id": "s1"})
    assert alice.get(f"/threads/{thread_id}/runs/{run_id}").json()["status"] == "interrupted"


def test_tools_are_ones_own_and_everybodys(alice: httpx.Client, bob: httpx.Client) -> None:
    alice.post("/assistants", json={"graph_id": "told", "name": "alices_tool"}).raise_for_status()

    def tools(client: httpx.Client) -> set[str]:
        listed = client.post(
            "/mcp/", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, headers={"accept": "application/json"}
        )
        return {tool["name"] for tool in listed.json()["result"]["tools"]}

    assert {"told", "asking", "alices_tool"} <= tools(alice)
    assert {"told", "asking"} <= tools(bob)
    assert "alices_tool" not in tools(bob)


# ---- what is told


FORGED = {"langgraph_auth_user": {"identity": "mallory"}, "langgraph_auth_user_id": "mallory", "user_id": "mallory"}


def test_a_graph_knows_its_user(alice: httpx.Client) -> None:
    output = alice.post("/runs/wait", json={"assistant_id": "told", "input": {}, "config": {"configurable": FORGED}}).json()
    assert output["user"] == {
        "id": "alice", "permissions": [], "user_id": "alice", "identity": "alice", "email": "alice@example.com",
        "token": "secret-of-alice",
    }  # fmt: skip


def test_a_factory_knows_who_asks(alice: httpx.Client) -> None:
    """For a run, and when the graph is looked at; an assistant cannot say that it is somebody else."""
    body = {"graph_id": "made", "config": {"configurable": FORGED}}
    assistant_id = alice.post("/assistants", json=body).json()["assistant_id"]
    nodes = {node["id"] for node in alice.get(f"/assistants/{assistant_id}/graph").json()["nodes"]}
    assert nodes == {"__start__", "for_alice", "__end__"}
    thread_id = new_thread(alice)
    output = alice.post(f"/threads/{thread_id}/runs/wait", json={"assistant_id": assistant_id, "input": {}}).json()
    assert output["user"]["identity"] == "alice"
    assert alice.get(f"/threads/{thread_id}/state").json()["values"]["user"]["identity"] == "alice"


def test_nobody_else_is_told_the_users_secrets(served: ServerProcess, alice: httpx.Client) -> None:
    """Not the readers of a stream, not those who look at runs, checkpoints, or the log."""
    thread_id = new_thread(alice)
    run = {
        "assistant_id": "asking", "input": {}, "config": {"configurable": FORGED}, "stream_resumable": True,
        "stream_mode": ["values", "updates", "debug", "checkpoints", "tasks", "events", "messages"],
    }  # fmt: skip
    with alice.stream("POST", f"/threads/{thread_id}/runs/stream", json=run) as stream:
        shown = [stream.read().decode()]
    assert "langgraph_auth_user" in shown[0]
    runs = alice.get(f"/threads/{thread_id}/runs").json()
    # What a client says for graphs that take a context is the client's.
    assert runs[0]["kwargs"].pop("context")["user_id"] == "mallory"
    shown += [json.dumps(runs), *(alice.get(f"/threads/{thread_id}{path}").text for path in ("", "/state", "/history"))]
    for text in shown:
        assert "secret-of-alice" not in text
        assert "mallory" not in text
    assert "secret-of-alice" not in served.output


def test_secrets_are_kept_for_as_long_as_a_run_needs_them() -> None:
    with data_folder() as folder, serving(folder / "data", config=PROJECT) as running, user(running, "alice") as alice:
        thread_id = new_thread(alice)
        alice.post(f"/threads/{thread_id}/runs/wait", json={"assistant_id": "told", "input": {}})
        later = alice.post(f"/threads/{thread_id}/runs", json={"assistant_id": "told", "input": {}, "after_seconds": 3600}).json()
        waiting = query(folder / "data", "SELECT auth_user->>'token' AS token FROM runs ORDER BY created_at")
        assert [row["token"] for row in waiting] == [None, "secret-of-alice"]
        alice.post(f"/threads/{thread_id}/runs/{later['run_id']}/cancel")
        assert query(folder / "data", "SELECT 1 AS one FROM runs WHERE auth_user IS NOT NULL") == []


def test_a_worker_elsewhere_knows_the_user() -> None:
    with data_folder() as folder:
        data = folder / "data"
        with serving(data, config=PROJECT, command="api") as api, user(api, "alice") as alice:
            worker = ServerProcess(data, config=PROJECT, command="worker")
            try:
                output = alice.post("/runs/wait", json={"assistant_id": "told", "input": {}}, timeout=60).json()
                assert output["user"]["token"] == "secret-of-alice"
            finally:
                worker.stop()


# ---- crons


def due(served: ServerProcess, cron_id: str) -> None:
    query(served.data_dir, "UPDATE crons SET next_run_date = now() WHERE cron_id = %s", [cron_id])


def test_a_cron_is_its_makers_until_that_user_may_not(
    served: ServerProcess, alice: httpx.Client, bob: httpx.Client, banned: Path
) -> None:
    body = {"assistant_id": "told", "schedule": "0 0 1 1 *", "input": {}, "on_run_completed": "keep", "metadata": {"of": "cron"}}
    cron = alice.post("/runs/crons", json=body).json()
    assert (cron["user_id"], cron["metadata"]["owner"]) == ("alice", "alice")
    assert bob.patch(f"/runs/crons/{cron['cron_id']}", json={"enabled": False}).status_code == 404
    due(served, cron["cron_id"])
    made = {"metadata": {"of": "cron"}}
    found = eventually(lambda: alice.post("/threads/search", json={**made, "status": "idle"}).json())
    values = eventually(lambda: alice.get(f"/threads/{found[0]['thread_id']}/state").json()["values"])
    # A token is over by the time that a cron ticks, so none is kept for it.
    assert (values["user"]["identity"], values["user"]["email"], values["user"]["token"]) == ("alice", "alice@example.com", None)
    assert bob.post("/threads/search", json=made).json() == []

    banned.write_text("alice")
    try:
        due(served, cron["cron_id"])
        stopped = eventually(lambda: (c := alice.get(f"/runs/crons/{cron['cron_id']}").json()) and not c["enabled"] and c)
        assert stopped["metadata"]["stopped"] == "Forbidden"
        assert len(alice.post("/threads/search", json=made).json()) == 1
    finally:
        banned.unlink()


# ---- routes of the project


def test_routes_of_the_project_are_open_unless_it_says_otherwise(served: ServerProcess, tmp_path: Path) -> None:
    assert httpx.get(f"{served.url}/own/who").json() == {"identity": None}
    project = json.loads(PROJECT.read_text())
    for order in ("middleware_first", "auth_first"):
        guarded = {**project, "http": {**project["http"], "enable_custom_route_auth": True, "middleware_order": order}}
        config = PROJECT.parent / f"guarded-{order}.json"
        config.write_text(json.dumps(guarded))
        try:
            with data_folder() as folder, serving(folder / "data", config=config) as running:
                assert httpx.get(f"{running.url}/own/who").status_code == 401
                with user(running, "alice") as alice:
                    assert alice.get("/own/who").json() == {"identity": "alice"}
                    assert new_thread(alice)
                assert httpx.get(f"{running.url}/ok").status_code == 200
                assert httpx.post(f"{running.url}/threads", json={}).status_code == 401
        finally:
            config.unlink()
