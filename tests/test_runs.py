"""Runs under concurrency, and what each field of their creation does, through HTTP."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server_process import SERVED, ServerProcess, data_folder, query, serving
from tests.watching import aevents, aeventually, ended, events, eventually, new_run, new_thread, run_status

NOBODY = "5f6c1f0a-0000-4000-8000-000000000000"


@pytest.fixture
def http(served: ServerProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, timeout=30) as client:
        yield client


@pytest.fixture
async def clients(served: ServerProcess) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=served.url, timeout=60, limits=limits) as client:
        yield client


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    """Runs given this file wait in their second step until it exists; it opens at the end of the test at the latest."""
    file = tmp_path / "gate"
    yield file
    file.touch()


@pytest.fixture
def checkpoint_rows(served: ServerProcess) -> Callable[[str], int]:
    """How many rows the checkpointer keeps of a thread."""

    def rows(thread_id: str) -> int:
        found = query(
            served.data_dir,
            "SELECT (SELECT count(*) FROM checkpoints WHERE thread_id = %(t)s)"
            " + (SELECT count(*) FROM checkpoint_blobs WHERE thread_id = %(t)s)"
            " + (SELECT count(*) FROM checkpoint_writes WHERE thread_id = %(t)s) AS count",
            {"t": thread_id},
        )
        return int(found[0]["count"])

    return rows


def groups(entries: list[str], size: int) -> list[list[str]]:
    return [entries[start : start + size] for start in range(0, len(entries), size)]


def in_step(http: httpx.Client, thread_id: str, run_id: str, journal: Path, entry: str) -> None:
    """Wait until a run of `count` has begun a step."""
    eventually(lambda: journal.exists() and entry in journal.read_text().splitlines())
    assert run_status(http, thread_id, run_id) == "running"


# ---- one thread, many runs


async def test_five_runs_sent_at_once_keep_all_messages_in_order(clients: httpx.AsyncClient) -> None:
    thread = (await clients.post("/threads", json={})).json()["thread_id"]

    async def send(number: int) -> None:
        body = {"assistant_id": "talk", "input": {"messages": [{"role": "user", "content": f"message {number}"}]}}
        answer = await clients.post(f"/threads/{thread}/runs", json=body)
        assert answer.status_code == 200

    await asyncio.gather(*(send(number) for number in range(5)))
    runs = (await clients.get(f"/threads/{thread}/runs")).json()
    for run in runs:
        await clients.get(f"/threads/{thread}/runs/{run['run_id']}/join")
    sent = [run["kwargs"]["input"]["messages"][0]["content"] for run in reversed(runs)]
    assert sorted(sent) == [f"message {number}" for number in range(5)]
    state = (await clients.get(f"/threads/{thread}/state")).json()
    expected = [text for number, said in enumerate(sent, 1) for text in (said, f"{number}: {said}")]
    assert [message["content"] for message in state["values"]["messages"]] == expected
    assert (await clients.get(f"/threads/{thread}")).json()["status"] == "idle"
    assert {run["status"] for run in (await clients.get(f"/threads/{thread}/runs")).json()} == {"success"}


async def test_twenty_clients_on_one_thread_run_one_after_the_other(clients: httpx.AsyncClient) -> None:
    thread = (await clients.post("/threads", json={})).json()["thread_id"]

    async def wait(tag: str) -> dict[str, Any]:
        body = {"assistant_id": "count", "input": {"tag": tag, "steps": 2}, "multitask_strategy": "enqueue"}
        answer = await clients.post(f"/threads/{thread}/runs/wait", json=body)
        assert answer.status_code == 200
        return dict(answer.json())

    tags = [f"t{number}-" for number in range(20)]
    answers = await asyncio.gather(*(wait(tag) for tag in tags))
    entries = (await clients.get(f"/threads/{thread}/state")).json()["values"]["entries"]
    runs = (await clients.get(f"/threads/{thread}/runs", params={"limit": 100})).json()
    accepted = [run["kwargs"]["input"]["tag"] for run in reversed(runs)]
    assert groups(entries, 2) == [[f"{tag}1", f"{tag}2"] for tag in accepted]
    assert sorted(accepted) == sorted(tags)
    for tag, answer in zip(tags, answers, strict=True):
        assert answer["entries"][-2:] == [f"{tag}1", f"{tag}2"], "a client is answered what its own run made"


async def test_reject_accepts_one_of_many(clients: httpx.AsyncClient, gate: Path) -> None:
    thread = (await clients.post("/threads", json={})).json()["thread_id"]
    body = {"assistant_id": "count", "input": {"gate": str(gate)}, "multitask_strategy": "reject"}
    answers = await asyncio.gather(*(clients.post(f"/threads/{thread}/runs", json=body) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 19
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert thread in refused.json()["detail"]
    assert len((await clients.get(f"/threads/{thread}/runs")).json()) == 1
    gate.touch()
    run = next(answer.json() for answer in answers if answer.status_code == 200)
    await clients.get(f"/threads/{thread}/runs/{run['run_id']}/join")
    assert (await clients.post(f"/threads/{thread}/runs", json=body)).status_code == 200


async def test_jobs_per_worker_bounds_what_runs_at_once() -> None:
    with (
        data_folder() as folder,
        serving(folder / "data", config=SERVED, environment={"N_JOBS_PER_WORKER": "3"}) as server,
    ):
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
            body = {"assistant_id": "crowd", "input": {"seconds": 0.1}}
            answers = await asyncio.gather(*(client.post("/runs/wait", json=body) for _ in range(12)))
    assert max(answer.json()["inside"] for answer in answers) == 3


# ---- cancel


def test_cancel_and_wait_answers_after_the_end(http: httpx.Client, gate: Path, tmp_path: Path) -> None:
    thread, journal = new_thread(http), tmp_path / "journal"
    run = new_run(http, thread, "count", {"gate": str(gate), "journal": str(journal)})
    in_step(http, thread, run, journal, "x2")
    answer = http.post(f"/threads/{thread}/runs/{run}/cancel", params={"wait": "true"})
    assert answer.status_code == 200
    assert run_status(http, thread, run) == "interrupted"
    shown = http.get(f"/threads/{thread}").json()
    assert (shown["status"], shown["values"]["entries"]) == ("interrupted", ["x1"])
    assert http.post(f"/threads/{thread}/runs/{run}/cancel").status_code == 404
    # The thread goes on from there.
    after = http.post(f"/threads/{thread}/runs/wait", json={"assistant_id": "count", "input": {"tag": "y", "steps": 1}})
    assert after.json()["entries"] == ["x1", "y1"]


def test_a_pending_run_that_is_cancelled_never_starts(http: httpx.Client, gate: Path, tmp_path: Path) -> None:
    thread, journal = new_thread(http), tmp_path / "journal"
    first = new_run(http, thread, "count", {"tag": "a", "gate": str(gate), "journal": str(journal)})
    second = new_run(http, thread, "count", {"tag": "b", "steps": 1, "journal": str(journal)})
    third = new_run(http, thread, "count", {"tag": "c", "steps": 1, "journal": str(journal)})
    answer = http.post(f"/threads/{thread}/runs/{second}/cancel", params={"wait": "true"})
    assert answer.status_code == 200
    assert run_status(http, thread, second) == "interrupted"
    assert run_status(http, thread, third) == "pending"
    gate.touch()
    assert ended(http, thread, first) == "success"
    assert ended(http, thread, third) == "success"
    assert journal.read_text().split() == ["a1", "a2", "a3", "c1"]


def test_cancelling_many_by_status_reaches_all_and_frees_the_threads(http: httpx.Client, gate: Path) -> None:
    threads = [new_thread(http) for _ in range(4)]
    runs = [(thread, new_run(http, thread, "count", {"gate": str(gate)})) for thread in threads for _ in range(2)]
    assert http.post("/runs/cancel", json={"status": "all"}).status_code == 204
    for thread, run in runs:
        assert ended(http, thread, run) == "interrupted"
    assert {http.get(f"/threads/{thread}").json()["status"] for thread in threads} <= {"idle", "interrupted"}


def test_deleting_a_thread_ends_its_runs_and_leaves_nothing(
    http: httpx.Client, served: ServerProcess, gate: Path, tmp_path: Path, checkpoint_rows: Callable[[str], int]
) -> None:
    thread, journal = new_thread(http), tmp_path / "journal"
    body = {"assistant_id": "count", "input": {"gate": str(gate), "journal": str(journal)}, "stream_mode": "custom"}
    with http.stream("POST", f"/threads/{thread}/runs/stream", json=body) as response:
        stream = events(response)
        assert next(stream)[0] == "metadata"
        eventually(lambda: journal.exists() and "x2" in journal.read_text())
        new_run(http, thread, "count", {"tag": "pending"})
        assert http.delete(f"/threads/{thread}").status_code == 204
        told = time.monotonic()
        assert len(list(stream)) <= 2, "the stream ends"
        assert time.monotonic() - told < 1.5
    assert http.get(f"/threads/{thread}").status_code == 404
    time.sleep(0.5)
    assert checkpoint_rows(thread) == 0
    assert query(served.data_dir, "SELECT run_id FROM runs WHERE thread_id = %s", [thread]) == []


# ---- clients that leave


@pytest.mark.parametrize("way", ["stream", "wait"])
@pytest.mark.parametrize(("on_disconnect", "status"), [("cancel", "interrupted"), ("continue", "success")])
def test_on_disconnect(http: httpx.Client, tmp_path: Path, gate: Path, way: str, on_disconnect: str, status: str) -> None:
    thread, journal = new_thread(http), tmp_path / "journal"
    body = {
        "assistant_id": "count", "input": {"gate": str(gate), "journal": str(journal)}, "on_disconnect": on_disconnect,
    }  # fmt: skip
    with http.stream("POST", f"/threads/{thread}/runs/{way}", json=body) as response:
        run = response.headers["content-location"].rpartition("/")[2]
        in_step(http, thread, run, journal, "x2")
    if on_disconnect == "continue":
        time.sleep(0.3)
        assert run_status(http, thread, run) == "running"
        gate.touch()
    assert ended(http, thread, run) == status


@pytest.mark.parametrize("way", ["join", "stream"])
def test_cancel_on_disconnect_of_a_joining_client(http: httpx.Client, tmp_path: Path, gate: Path, way: str) -> None:
    thread, journal = new_thread(http), tmp_path / "journal"
    run = new_run(http, thread, "count", {"gate": str(gate), "journal": str(journal)})
    in_step(http, thread, run, journal, "x2")
    path = f"/threads/{thread}/runs/{run}/{way}"
    with http.stream("GET", path) as response:
        assert response.status_code == 200
    time.sleep(0.3)
    assert run_status(http, thread, run) == "running"
    with http.stream("GET", path, params={"cancel_on_disconnect": "true"}) as response:
        assert response.status_code == 200
    assert ended(http, thread, run) == "interrupted"


# ---- several readers


async def test_a_second_client_sees_each_later_event_once(clients: httpx.AsyncClient) -> None:
    thread = (await clients.post("/threads", json={})).json()["thread_id"]
    body = {"assistant_id": "count", "input": {"steps": 20, "seconds": 0.02}, "stream_mode": ["custom", "updates"]}
    first: list[tuple[str, Any]] = []
    started = asyncio.Event()
    run = ""

    async def follow() -> None:
        nonlocal run
        async with clients.stream("POST", f"/threads/{thread}/runs/stream", json=body) as response:
            run = response.headers["content-location"].rpartition("/")[2]
            async for event in aevents(response):
                first.append(event)
                if len(first) > 6:
                    started.set()

    async def join() -> list[tuple[str, Any]]:
        await started.wait()
        async with clients.stream("GET", f"/threads/{thread}/runs/{run}/stream") as response:
            return [event async for event in aevents(response)]

    _, *joined = await asyncio.gather(follow(), join(), join(), join())
    assert [data["entry"] for name, data in first if name == "custom"] == [f"x{number}" for number in range(1, 21)]
    for seen in joined:
        assert 10 < len(seen) < len(first)
        assert seen == first[-len(seen) :]


def test_a_reader_that_does_not_read_does_not_hold_up_the_run(http: httpx.Client) -> None:
    thread = new_thread(http)
    body = {"assistant_id": "flood", "input": {"events": 1500, "size": 20_000}, "stream_mode": "custom"}
    with http.stream("POST", f"/threads/{thread}/runs/stream", json=body) as response:
        run = response.headers["content-location"].rpartition("/")[2]
        assert ended(http, thread, run) == "success"
        *seen, (last, data) = events(response)
        # What the sockets hold is a few megabytes; beyond the bound the reader was cut off, and is told so.
        assert (last, data["error"]) == ("error", "SlowReaderError")
        assert [event["number"] for name, event in seen if name == "custom"] == list(range(len(seen) - 1))
    assert http.get(f"/threads/{thread}/state").json()["values"]["seconds"] < 10


def test_a_reader_that_keeps_up_sees_everything(http: httpx.Client) -> None:
    body = {"assistant_id": "flood", "input": {"events": 1500, "size": 20_000}, "stream_mode": "custom"}
    with http.stream("POST", "/runs/stream", json=body) as response:
        numbers = [data["number"] for name, data in events(response) if name == "custom"]
    assert numbers == list(range(1500))


async def test_a_blocking_node_does_not_hold_up_the_server(clients: httpx.AsyncClient) -> None:
    body = {"assistant_id": "sleeper", "input": {"seconds": 1}}
    began = time.monotonic()
    runs = [asyncio.create_task(clients.post("/runs/wait", json=body)) for _ in range(5)]
    await asyncio.sleep(0.2)
    for _ in range(10):
        asked = time.monotonic()
        assert (await clients.get("/info")).status_code == 200
        assert time.monotonic() - asked < 0.5
    assert {answer.json()["entries"][0] for answer in await asyncio.gather(*runs)} == {"slept"}
    assert time.monotonic() - began < 3.5, "five sleeps of a second overlap"


# ---- threads of stateless runs


def test_threads_of_stateless_runs_go_with_them(http: httpx.Client, gate: Path, checkpoint_rows: Callable[[str], int]) -> None:
    def gone(thread: str) -> bool:
        return http.get(f"/threads/{thread}").status_code == 404 and checkpoint_rows(thread) == 0

    threads = {}
    threads["success"] = http.post("/runs", json={"assistant_id": "count", "input": {}}).json()["thread_id"]
    threads["error"] = http.post(
        "/runs", json={"assistant_id": "count", "input": {"steps": 100}, "config": {"recursion_limit": 5}}
    ).json()["thread_id"]
    cancelled = http.post("/runs", json={"assistant_id": "count", "input": {"gate": str(gate)}}).json()
    threads["cancel"] = cancelled["thread_id"]
    assert http.post(f"/threads/{threads['cancel']}/runs/{cancelled['run_id']}/cancel?wait=true").status_code == 200
    body = {"assistant_id": "count", "input": {"gate": str(gate)}, "on_disconnect": "cancel"}
    with http.stream("POST", "/runs/stream", json=body) as response:
        run = response.headers["content-location"].rpartition("/")[2]
        found = query_of_run(http, run)
    threads["disconnect"] = found
    eventually(lambda: [way for way, thread in threads.items() if not gone(thread)] == [])


def query_of_run(http: httpx.Client, run_id: str) -> str:
    """The thread of a stateless run that executes."""
    for thread in http.post("/threads/search", json={"status": "busy", "limit": 100}).json():
        if any(run["run_id"] == run_id for run in http.get(f"/threads/{thread['thread_id']}/runs").json()):
            return str(thread["thread_id"])
    raise AssertionError(f"no busy thread has run {run_id}")


def test_the_thread_of_a_stateless_run_is_kept_when_asked_for(http: httpx.Client) -> None:
    body = {"assistant_id": "count", "input": {}, "on_completion": "keep"}
    run = http.post("/runs", json=body).json()
    assert ended(http, run["thread_id"], run["run_id"]) == "success"
    assert http.get(f"/threads/{run['thread_id']}/state").json()["values"]["entries"] == ["x1", "x2", "x3"]


def test_a_batch_is_accepted_whole_or_not_at_all(http: httpx.Client, served: ServerProcess) -> None:
    def rows() -> list[dict[str, Any]]:
        return query(served.data_dir, "SELECT (SELECT count(*) FROM runs) AS runs, (SELECT count(*) FROM threads) AS threads")

    time.sleep(0.2)
    before = rows()
    good = {"assistant_id": "count", "input": {}}
    bads: list[dict[str, Any]] = [{"assistant_id": "nope"}, {"assistant_id": NOBODY}, {"input": {}}]
    for bad in bads:
        answer = http.post("/runs/batch", json=[good, {**bad}, good])
        assert answer.status_code in (404, 422), answer.text
    assert rows() == before
    made = http.post("/runs/batch", json=[{**good, "on_completion": "keep"}, {**good, "on_completion": "keep"}]).json()
    assert [ended(http, run["thread_id"], run["run_id"]) for run in made] == ["success", "success"]


# ---- fields


@pytest.mark.parametrize(("durability", "checkpoints"), [("sync", 6), ("async", 6), ("exit", 1)])
def test_durability_decides_how_many_checkpoints_there_are(http: httpx.Client, durability: str, checkpoints: int) -> None:
    thread = new_thread(http)
    body = {"assistant_id": "count", "input": {"steps": 3}, "durability": durability}
    assert http.post(f"/threads/{thread}/runs/wait", json=body).json()["entries"] == ["x1", "x2", "x3"]
    assert len(http.get(f"/threads/{thread}/history", params={"limit": 100}).json()) == checkpoints


@pytest.mark.parametrize("mode", ["updates", "custom", "debug", ["updates", "messages-tuple"]])
def test_wait_answers_values_whatever_would_be_streamed(http: httpx.Client, mode: Any) -> None:
    body = {"assistant_id": "count", "input": {"steps": 1}, "stream_mode": mode}
    assert http.post("/runs/wait", json=body).json()["entries"] == ["x1"]


def test_ids_are_found_in_headers_and_later_ids_sort_later(http: httpx.Client) -> None:
    thread, body = new_thread(http), {"assistant_id": "count", "input": {"steps": 1}}
    created = http.post(f"/threads/{thread}/runs", json=body)
    waited = http.post(f"/threads/{thread}/runs/wait", json=body)
    streamed = http.post(f"/threads/{thread}/runs/stream", json=body)
    locations = [answer.headers["content-location"] for answer in (created, waited, streamed)]
    listed = [run["run_id"] for run in http.get(f"/threads/{thread}/runs").json()]
    assert locations == [f"/threads/{thread}/runs/{run}" for run in reversed(listed)]
    assert sorted(listed, reverse=True) == listed
    assert next(events(streamed)) == ("metadata", {"run_id": listed[0], "attempt": 1})


def test_metadata_and_tags_reach_the_run_and_its_checkpoints(http: httpx.Client) -> None:
    assistant = http.post(
        "/assistants", json={"graph_id": "count", "metadata": {"of": "assistant", "a": 1}, "config": {"tags": ["own"]}}
    ).json()["assistant_id"]
    thread = http.post("/threads", json={"metadata": {"of": "thread", "t": 2}}).json()["thread_id"]
    run = http.post(
        f"/threads/{thread}/runs",
        json={"assistant_id": assistant, "input": {"steps": 1}, "metadata": {"of": "run", "r": 3}, "config": {"tags": ["given"]}},
    ).json()  # fmt: skip
    assert ended(http, thread, run["run_id"]) == "success"
    expected = {"a": 1, "t": 2, "r": 3, "of": "run", "graph_id": "count", "assistant_id": assistant}
    assert {key: run["metadata"].get(key) for key in expected} == expected
    metadata = http.get(f"/threads/{thread}/state").json()["metadata"]
    expected["run_id"] = run["run_id"]
    assert {key: metadata.get(key) for key in expected} == expected
    found = http.post("/threads/search", json={"metadata": {"t": 2, "assistant_id": assistant}}).json()
    assert [one["thread_id"] for one in found] == [thread]


def test_the_recursion_limit_ends_a_run(http: httpx.Client) -> None:
    thread = new_thread(http)
    body = {"assistant_id": "count", "input": {"steps": 50}, "config": {"recursion_limit": 5}}
    answer = http.post(f"/threads/{thread}/runs/wait", json=body).json()
    assert answer["__error__"]["error"] == "GraphRecursionError"
    assert http.get(f"/threads/{thread}").json()["status"] == "error"
    body["config"] = {"recursion_limit": 100}
    assert len(http.post(f"/threads/{thread}/runs/wait", json=body).json()["entries"]) > 50
    assert http.get(f"/threads/{thread}").json()["status"] == "idle"


def test_context_reaches_the_graph(http: httpx.Client) -> None:
    assistant = http.post("/assistants", json={"graph_id": "greet", "context": {"name": "Ada"}}).json()["assistant_id"]
    for body, text in (
        ({"assistant_id": "greet"}, "hello nobody"),
        ({"assistant_id": "greet", "context": {"name": "Bo"}}, "hello Bo"),
        ({"assistant_id": assistant}, "hello Ada"),
        ({"assistant_id": assistant, "context": {"name": "Bo"}}, "hello Bo"),
    ):
        assert http.post("/runs/wait", json={"input": {}, **body}).json()["text"] == text
    both = {"assistant_id": "greet", "context": {"name": "Bo"}, "config": {"configurable": {"name": "Cy"}}}
    assert http.post("/runs/wait", json=both).status_code == 400


# ---- everything at once


async def test_updates_of_a_state_do_not_wait_for_those_who_wait_for_them(clients: httpx.AsyncClient) -> None:
    """More requests for one thread than there are connections, some of which need to read and write its checkpoints."""
    thread = (await clients.post("/threads", json={})).json()["thread_id"]
    path = f"/threads/{thread}"
    await clients.post(f"{path}/runs/wait", json={"assistant_id": "count", "input": {"steps": 1}})

    async def update(number: int) -> int:
        body = {"values": {"entries": [f"u{number}"]}, "as_node": "step"}
        return (await clients.post(f"{path}/state", json=body)).status_code

    async def patch(number: int) -> int:
        return (await clients.patch(path, json={"metadata": {f"n{number}": number}})).status_code

    began = time.monotonic()
    statuses = await asyncio.gather(*(one(number) for number in range(30) for one in (update, patch)))
    assert set(statuses) == {200}
    assert time.monotonic() - began < 10
    state = (await clients.get(f"{path}/state")).json()["values"]["entries"]
    assert sorted(state) == sorted(["x1", *(f"u{number}" for number in range(30))])
    metadata = (await clients.get(path)).json()["metadata"]
    assert {f"n{number}" for number in range(30)} <= set(metadata)


async def test_twenty_clients_do_everything_to_three_threads(clients: httpx.AsyncClient, served: ServerProcess) -> None:
    """No answer above 499, no thread that stays busy, nothing left of what was deleted."""
    threads = [f"5f6c1f0a-0000-4000-8000-00000000000{number}" for number in range(3)]
    wrong: list[tuple[str, str, int, str]] = []
    logged = len(served.output)
    run = {"assistant_id": "count", "input": {"steps": 2, "seconds": 0.005}, "if_not_exists": "create"}

    async def ask(method: str, path: str, **options: Any) -> httpx.Response:
        answer = await clients.request(method, path, **options)
        if answer.status_code >= 500:
            wrong.append((method, path, answer.status_code, answer.text))
        return answer

    async def client(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(12):
            path = f"/threads/{chance.choice(threads)}"
            action = {"action": chance.choice(["interrupt", "rollback"])}
            doing: list[tuple[str, str, dict[str, Any]]] = [
                *[("POST", f"{path}/runs", {"json": run})] * 4,
                ("POST", f"{path}/runs/wait", {"json": run}),
                ("POST", f"{path}/runs", {"json": {**run, "multitask_strategy": "interrupt"}}),
                ("POST", f"{path}/runs", {"json": {**run, "multitask_strategy": "rollback"}}),
                ("POST", f"{path}/state", {"json": {"values": {"tag": "z"}, "as_node": "step"}}),
                ("PATCH", path, {"json": {"metadata": {"seed": seed}}}),
                ("DELETE", path, {}),
                ("POST", f"{path}/copy", {}),
                ("GET", f"{path}/history", {}),
                ("POST", "/threads", {"json": {"thread_id": path[9:], "if_exists": "do_nothing"}}),
                ("POST", "/threads/prune", {"json": {"thread_ids": threads, "strategy": "keep_latest"}}),
                ("POST", "/threads/prune", {"json": {"thread_ids": threads, "strategy": "delete"}}),
                ("POST", "/runs/cancel", {"params": action, "json": {"status": "all"}}),
            ]
            method, what, options = chance.choice(doing)
            await ask(method, what, **options)
            listed = await ask("GET", f"{path}/runs")
            if listed.status_code == 200 and listed.json() and chance.random() < 0.5:
                one = f"{path}/runs/{chance.choice(listed.json())['run_id']}"
                method, end, params = chance.choice(
                    [("POST", "/cancel", {"wait": "true", **action}), ("DELETE", "", {}), ("GET", "/join", {})]
                )
                await ask(method, one + end, params=params)

    await asyncio.gather(*(client(seed) for seed in range(20)))
    assert wrong == []

    async def quiet() -> bool:
        return not (await clients.post("/threads/search", json={"status": "busy"})).json()

    await aeventually(quiet)
    orphans = (
        "SELECT count(*) FROM checkpoints WHERE NOT EXISTS (SELECT FROM threads WHERE thread_id::text = checkpoints.thread_id)"
    )
    assert query(served.data_dir, orphans) == [{"count": 0}]
    miscounted = """
        SELECT thread_id FROM threads WHERE active_runs <> (
            SELECT count(*) FROM runs WHERE runs.thread_id = threads.thread_id AND runs.status IN ('pending', 'running')
        )"""
    assert query(served.data_dir, miscounted) == []
    assert "Traceback" not in served.output[logged:]


def test_what_a_deleted_run_streamed_goes_with_it(http: httpx.Client) -> None:
    thread = new_thread(http)
    run = new_run(http, thread, "count", {"steps": 1}, stream_resumable=True)
    path = f"/threads/{thread}/runs/{run}"
    http.get(f"{path}/join").raise_for_status()
    replay = {"last-event-id": "-1"}
    assert "event: values" in http.get(f"{path}/stream", headers=replay).text
    assert http.delete(path).status_code == 204
    assert http.get(f"{path}/stream", headers=replay).status_code == 404
