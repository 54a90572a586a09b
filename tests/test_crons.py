"""Crons over HTTP, executed by real processes.

When ticks come is tested in tests/runner, what the reference answers in tests/parity.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from langgraph_sdk import get_client, get_sync_client

from tests.server_process import SERVED, ServerProcess, data_folder, query

YEARLY = "0 0 1 1 *"


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "what the test waits for did not come true"
        time.sleep(0.05)


def create(http: httpx.Client, path: str = "/runs/crons", **body: Any) -> dict[str, Any]:
    reply = http.post(path, json={"assistant_id": "steps", "schedule": YEARLY, "input": {"text": "x"}, **body})
    assert reply.status_code == 200, reply.text
    cron: dict[str, Any] = reply.json()
    return cron


def make_due(data_dir: Path, cron_ids: list[str]) -> None:
    """As if the tick had come: the clock of all processes is the database's."""
    query(data_dir, "UPDATE crons SET next_run_date = now() - interval '1 minute' WHERE cron_id::text = ANY(%s)", [cron_ids])


def test_a_cron_runs_on_its_thread(http: httpx.Client, server: ServerProcess) -> None:
    thread = http.post("/threads", json={}).json()["thread_id"]
    cron = create(http, f"/threads/{thread}/runs/crons", metadata={"by": "cron"}, config={"tags": ["t"]}, stream_mode="updates")
    make_due(server.data_dir, [cron["cron_id"]])
    until(lambda: [run["status"] for run in http.get(f"/threads/{thread}/runs").json()] == ["success"])
    [run] = http.get(f"/threads/{thread}/runs").json()
    assert run["metadata"]["by"] == "cron"
    assert run["metadata"]["cron_id"] == cron["cron_id"]
    assert run["kwargs"]["config"]["configurable"]["cron_id"] == cron["cron_id"]
    assert run["kwargs"]["config"]["tags"] == ["t"]
    assert run["kwargs"]["stream_mode"] == ["updates"]
    assert http.get(f"/threads/{thread}").json()["values"]["steps"] == ["first", "second"]
    after = http.get(f"/runs/crons/{cron['cron_id']}").json()
    assert after == cron  # a year later, which is the tick that it had


def test_a_cron_makes_a_thread_for_each_run(http: httpx.Client, server: ServerProcess) -> None:
    mark = str(uuid4())
    kept = create(http, metadata={"mark": mark}, on_run_completed="keep")
    gone = create(http, metadata={"mark": mark}, on_run_completed="delete")
    for _ in range(2):
        make_due(server.data_dir, [kept["cron_id"], gone["cron_id"]])
        until(lambda: all(http.get(f"/runs/crons/{one['cron_id']}").json() == one for one in (kept, gone)))
    search = {"metadata": {"mark": mark}}
    until(lambda: [t["status"] for t in http.post("/threads/search", json=search).json()] == ["idle", "idle"])
    threads = http.post("/threads/search", json=search).json()
    assert [thread["values"]["steps"] for thread in threads] == [["first", "second"]] * 2
    left = query(server.data_dir, "SELECT FROM runs WHERE metadata->>'cron_id' = %s", [gone["cron_id"]])
    assert left == []


def test_every_second_by_the_clock(http: httpx.Client) -> None:
    mark = str(uuid4())
    cron = create(http, schedule="* * * * * *", metadata={"mark": mark}, on_run_completed="keep")
    until(lambda: len(http.post("/threads/search", json={"metadata": {"mark": mark}}).json()) >= 2)
    assert http.patch(f"/runs/crons/{cron['cron_id']}", json={"enabled": False}).json()["enabled"] is False
    http.delete(f"/runs/crons/{cron['cron_id']}")


def test_what_came_due_while_it_was_disabled_is_not_made_up_for(http: httpx.Client, server: ServerProcess) -> None:
    cron = create(http, enabled=False)
    make_due(server.data_dir, [cron["cron_id"]])
    changed = http.patch(f"/runs/crons/{cron['cron_id']}", json={"enabled": True}).json()
    assert changed["next_run_date"] == cron["next_run_date"]


def test_a_change_of_the_schedule_changes_the_next_tick(http: httpx.Client) -> None:
    cron = create(http)
    url = f"/runs/crons/{cron['cron_id']}"
    hourly = http.patch(url, json={"schedule": "@hourly"}).json()
    next_run = datetime.fromisoformat(hourly["next_run_date"])
    assert timedelta(0) < next_run - datetime.now(UTC) <= timedelta(hours=1, seconds=5)
    assert http.patch(url, json={"end_time": "2020-01-01T00:00:00Z"}).json()["next_run_date"] is None
    assert http.patch(url, json={"end_time": None}).json()["next_run_date"] is not None
    tokyo = http.patch(url, json={"schedule": YEARLY, "timezone": "Asia/Tokyo"}).json()
    assert tokyo["next_run_date"].endswith("-12-31T15:00:00+00:00")
    assert tokyo["payload"]["timezone"] == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"schedule": "0 0 30 2 1#5"}, 200, ""),
        ({"schedule": "0 0 31 2 *"}, 422, "schedule is '0 0 31 2 *'"),
        ({"schedule": "0 0 1 1 * 0 2027"}, 422, "(7 fields)"),
        ({"timezone": "America"}, 422, "timezone is 'America'; expected the name of a time zone"),
        ({"context": {"a": 1}, "config": {"configurable": {"b": 1}}}, 400, "Cannot specify both configurable and context"),
        ({"context": {"a": 1}}, 200, ""),
        ({"checkpoint_id": {"a": 1}}, 200, ""),
        ({"multitask_strategy": "nope"}, 422, "multitask_strategy: expected"),
        ({"webhook": "http://127.0.0.1:1/"}, 422, "webhook is 'http://127.0.0.1:1/'"),
        ({"after_seconds": -1}, 422, "after_seconds"),
        ({"assistant_id": "nobody"}, 404, "Assistant 'nobody' not found"),
        ({"end_time": "2030-01-01T00:00:00"}, 422, "end_time: expected a date and time with a time zone"),
    ],
)
def test_what_cannot_run_is_refused_at_once(http: httpx.Client, body: dict[str, Any], status: int, said: str) -> None:
    reply = http.post("/runs/crons", json={"assistant_id": "steps", "schedule": YEARLY, "enabled": False, **body})
    assert reply.status_code == status, reply.text
    assert said in reply.text


def test_a_cron_on_a_thread_deletes_no_thread(http: httpx.Client) -> None:
    thread = http.post("/threads", json={}).json()["thread_id"]
    body = {"assistant_id": "steps", "schedule": YEARLY, "on_run_completed": "delete"}
    assert http.post(f"/threads/{thread}/runs/crons", json=body).status_code == 422
    cron = create(http, f"/threads/{thread}/runs/crons", enabled=False)
    assert http.patch(f"/runs/crons/{cron['cron_id']}", json={"on_run_completed": "keep"}).status_code == 409
    assert http.patch(f"/runs/crons/{cron['cron_id']}", json={"multitask_strategy": "reject"}).json()["payload"] == {
        **cron["payload"], "multitask_strategy": "reject",
    }  # fmt: skip


def test_a_patch_that_does_not_fit_what_the_cron_has_is_a_conflict(http: httpx.Client) -> None:
    cron = create(http, enabled=False, context={"a": 1})
    url = f"/runs/crons/{cron['cron_id']}"
    settings = {"configurable": {"b": 1}}
    assert http.patch(url, json={"context": {"a": 2}, "config": settings}).status_code == 400
    refused = http.patch(url, json={"config": settings})
    assert (refused.status_code, "empty it in the same request" in refused.text) == (409, True)
    assert http.get(url).json() == cron
    assert http.patch(url, json={"context": {}, "config": settings}).json()["payload"]["config"]["configurable"]["b"] == 1


def test_a_patch_that_is_refused_changes_nothing(http: httpx.Client) -> None:
    cron = create(http)
    url = f"/runs/crons/{cron['cron_id']}"
    for body in (
        {"schedule": "@daily", "context": {"a": 1}, "config": {"configurable": {"b": 1}}},
        {"input": {"a": 1}, "timezone": "x"},
    ):
        assert http.patch(url, json=body).status_code in (400, 422)
    assert http.get(url).json() == cron


async def test_the_clients(server_url: str) -> None:
    mark = {"mark": str(uuid4())}
    async with get_client(url=server_url) as client:
        thread = (await client.threads.create())["thread_id"]
        made: Any = await client.crons.create_for_thread(
            thread, "steps", schedule=YEARLY, metadata=mark, enabled=False, end_time=datetime(2199, 1, 1, tzinfo=UTC),
            multitask_strategy="interrupt", timezone="Europe/Berlin", stream_resumable=True,
        )  # fmt: skip
        other: Any = await client.crons.create("steps", schedule="@daily", metadata=mark, on_run_completed="keep", context={"a": 1})
        await client.crons.update(other["cron_id"], enabled=False, webhook=None, interrupt_before=["second"], metadata={"n": 1})
        found = await client.crons.search(metadata=mark, sort_by="next_run_date", sort_order="asc", limit=1)
        assert [one["cron_id"] for one in found] == [other["cron_id"]]
        assert found[0]["metadata"] == {**mark, "n": 1}
        assert [one["cron_id"] for one in await client.crons.search(thread_id=thread, select=["cron_id"])] == [made["cron_id"]]
    with get_sync_client(url=server_url) as sync:
        assert sync.crons.count(metadata=mark) == 2
        sync.crons.delete(made["cron_id"])
        sync.threads.delete(thread)
        sync.crons.delete(other["cron_id"])
        assert sync.crons.count(metadata=mark) == 0


# ---- several processes


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    with data_folder() as folder:
        yield folder / "data"


def many(server: ServerProcess, count: int) -> list[str]:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        return [
            create(client, assistant_id="count", input={"steps": 1}, on_run_completed="keep")["cron_id"] for _ in range(count)
        ]  # fmt: skip


def runs_of(data_dir: Path, cron_ids: list[str]) -> list[dict[str, Any]]:
    return query(
        data_dir, "SELECT metadata->>'cron_id' AS cron_id, status FROM runs WHERE metadata->>'cron_id' = ANY(%s)", [cron_ids]
    )


def test_several_processes_fire_a_tick_once_whichever_of_them_die(data_dir: Path) -> None:
    environment = {"ALLOGRAPH_LEASE_SECONDS": "3", "ALLOGRAPH_POLL_SECONDS": "0.5"}
    servers = [ServerProcess(data_dir, config=SERVED, environment=environment) for _ in range(2)]
    try:
        for server in servers:
            server.wait_until_ready()
        crons = many(servers[0], 40)
        make_due(data_dir, crons)
        until(lambda: len(runs_of(data_dir, crons)) > 3)
        servers[0].kill()
        until(lambda: [run["status"] for run in runs_of(data_dir, crons)] == ["success"] * len(crons))
        assert sorted(run["cron_id"] for run in runs_of(data_dir, crons)) == sorted(crons)
        # Nobody there when the ticks come.
        servers[1].kill()
        make_due(data_dir, crons)
        servers.append(ServerProcess(data_dir, config=SERVED, environment=environment).wait_until_ready())
        until(lambda: [run["status"] for run in runs_of(data_dir, crons)] == ["success"] * (2 * len(crons)))
        assert sorted(run["cron_id"] for run in runs_of(data_dir, crons)) == sorted([*crons, *crons])
        left = query(data_dir, "SELECT count(*) AS due FROM crons WHERE next_run_date <= now()")
        assert left == [{"due": 0}]
    finally:
        for server in servers:
            server.kill()
