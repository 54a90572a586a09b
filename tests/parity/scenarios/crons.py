"""Crons: create, read, change, delete, search, count. What a tick makes is in tests/test_crons.py."""

from __future__ import annotations

from typing import Any

from . import Session, scenario

NOBODY = "00000000-0000-0000-0000-000000000001"


def _cron(s: Session, thread: str | None = None, **body: Any) -> str:
    path = f"/threads/{thread}/runs/crons" if thread else "/runs/crons"
    made = s.quiet("POST", path, {"assistant_id": "steps", "schedule": "*/5 * * * *", "enabled": False, **body})
    return str(made["cron_id"])


@scenario
def create(s: Session) -> None:
    cron = s.post(
        "/runs/crons", {"assistant_id": "steps", "schedule": "*/5 * * * *", "input": {"text": "x"}, "enabled": False}
    ).json["cron_id"]
    s.get(f"/runs/crons/{cron}")


@scenario
def create_full(s: Session) -> None:
    s.post(
        "/runs/crons",
        {
            "assistant_id": s.assistant("steps"), "schedule": "0 * * * *", "timezone": "Europe/Berlin", "enabled": False,
            "end_time": "2199-01-01T00:00:00+00:00", "input": {"text": "x"}, "metadata": {"mark": s.mark},
            "on_run_completed": "keep",
            "config": {"tags": ["t"], "recursion_limit": 20, "configurable": {"a": 1}}, "interrupt_before": ["second"],
            "interrupt_after": "*", "stream_mode": ["updates", "values"], "stream_subgraphs": True, "stream_resumable": True,
            "durability": "exit",
        },
    )  # fmt: skip


@scenario
def create_on_thread(s: Session) -> None:
    thread = s.thread()
    body = {"assistant_id": "steps", "schedule": "*/5 * * * *", "multitask_strategy": "interrupt", "enabled": False}
    cron = s.post(f"/threads/{thread}/runs/crons", body).json["cron_id"]
    s.get(f"/runs/crons/{cron}")
    s.post(f"/threads/{NOBODY}/runs/crons", body)


@scenario
def create_schedules(s: Session) -> None:
    for schedule in ("* * * * *", "@hourly", "*/20 * * * *", "0-59/7 * * * *", "* * * * * *", "*/30 * * * * 15", " 5 * * * * "):
        s.post("/runs/crons", {"assistant_id": "steps", "schedule": schedule, "enabled": False})


@scenario
def create_wrong(s: Session) -> None:
    for body in (
        {"schedule": "bad"}, {"schedule": ""}, {"schedule": "60 * * * *"}, {"schedule": "* * * *"}, {"schedule": "*/0 * * * *"},
        {"schedule": "@reboot"}, {"schedule": "0 0 31 2 *"}, {"schedule": "5-1 * * * *"}, {"schedule": "0 0 1 1 * 0 2027"},
        {"schedule": 5}, {"timezone": "Mars/Base"}, {"timezone": ""}, {"timezone": None}, {"end_time": "nope"},
        {"end_time": "2199-01-01T00:00:00"}, {"enabled": "yes"}, {"on_run_completed": "nope"}, {"stream_mode": "nope"},
        {"assistant_id": "nope"}, {"assistant_id": NOBODY}, {"input": "text"}, {"webhook": "http://127.0.0.1:9/x"},
    ):  # fmt: skip
        s.post("/runs/crons", {"assistant_id": "steps", "schedule": "*/5 * * * *", "enabled": False, **body})


@scenario
def patch(s: Session) -> None:
    cron = _cron(s, input={"text": "x"}, metadata={"a": 1, "mark": s.mark}, config={"tags": ["t"], "configurable": {"z": 1}})
    s.patch(f"/runs/crons/{cron}", {"schedule": "*/10 * * * *", "timezone": "Asia/Tokyo"})
    s.patch(f"/runs/crons/{cron}", {"input": {"text": "y"}, "end_time": "2199-01-01T00:00:00+00:00"})
    s.patch(f"/runs/crons/{cron}", {"end_time": None})
    s.patch(f"/runs/crons/{cron}", {"config": {"configurable": {"q": 1}}})
    s.patch(f"/runs/crons/{cron}", {"metadata": {"b": 2}})
    s.patch(f"/runs/crons/{cron}", {"on_run_completed": "keep", "durability": "sync"})
    s.get(f"/runs/crons/{cron}")


@scenario
def patch_wrong(s: Session) -> None:
    cron = _cron(s)
    for body in (
        {}, {"schedule": "bad"}, {"timezone": "x/y"}, {"enabled": "no"}, {"end_time": "nope"}, {"input": "text"},
        {"assistant_id": "fanout"},
    ):  # fmt: skip
        s.patch(f"/runs/crons/{cron}", body)
    s.patch(f"/runs/crons/{NOBODY}", {"enabled": False})
    s.patch("/runs/crons/nope", {"enabled": False})


@scenario
def delete(s: Session) -> None:
    cron = _cron(s)
    s.delete(f"/runs/crons/{cron}")
    s.get(f"/runs/crons/{cron}")
    s.delete(f"/runs/crons/{cron}")
    s.get("/runs/crons/nope")
    s.delete("/runs/crons/nope")


@scenario
def delete_with_thread_or_assistant(s: Session) -> None:
    thread = s.thread()
    cron = _cron(s, thread)
    s.delete(f"/threads/{thread}")
    s.get(f"/runs/crons/{cron}")
    assistant = s.quiet("POST", "/assistants", {"graph_id": "steps"})["assistant_id"]
    cron = _cron(s, assistant_id=assistant)
    s.delete(f"/assistants/{assistant}")
    s.get(f"/runs/crons/{cron}")


@scenario
def search(s: Session) -> None:
    thread = s.thread()
    for n in range(3):
        _cron(s, thread if n else None, metadata={"mark": s.mark, "n": n})
    mine = {"metadata": {"mark": s.mark}}
    s.post("/runs/crons/search", mine)
    s.post("/runs/crons/search", {**mine, "sort_order": "asc", "select": ["metadata", "schedule"]})
    s.post("/runs/crons/search", {**mine, "thread_id": thread, "sort_by": "created_at", "sort_order": "asc"})
    s.post("/runs/crons/search", {**mine, "assistant_id": s.assistant("fanout")})
    s.post("/runs/crons/search", {**mine, "enabled": True})
    s.post("/runs/crons/search", {**mine, "enabled": False, "limit": 2, "select": ["metadata"]})
    s.post("/runs/crons/search", {**mine, "limit": 2, "offset": 2, "select": ["metadata"]})
    s.post("/runs/crons/search", {"metadata": {"mark": s.mark, "n": 2}, "select": ["metadata"]})
    s.post("/runs/crons/count", mine)
    s.post("/runs/crons/count", {**mine, "thread_id": thread})
    s.post("/runs/crons/count", {**mine, "assistant_id": s.assistant("fanout")})


@scenario
def search_wrong(s: Session) -> None:
    for body in (
        {"select": ["nope"]}, {"select": "metadata"}, {"sort_by": "nope"}, {"sort_order": "nope"}, {"limit": 0}, {"limit": 1001},
        {"offset": -1}, {"assistant_id": "steps"}, {"thread_id": "nope"}, {"enabled": "x"}, {"metadata": "x"},
    ):  # fmt: skip
        s.post("/runs/crons/search", body)
    s.post("/runs/crons/count", {"assistant_id": "steps"})


@scenario
def sdk(s: Session) -> None:
    client = s.sdk()
    thread = s.thread()
    made: Any = client.crons.create(
        "steps", schedule="*/5 * * * *", input={"text": "x"}, metadata={"mark": s.mark}, enabled=False, multitask_strategy="reject",
        on_run_completed="keep", timezone="UTC", stream_mode=["values"], durability="async", interrupt_before=["second"],
    )  # fmt: skip
    client.crons.create_for_thread(thread, "steps", schedule="@hourly", metadata={"mark": s.mark}, enabled=False)
    client.crons.update(made["cron_id"], schedule="@hourly", end_time=None, metadata={"more": 1}, timezone="Europe/Berlin")
    client.crons.search(metadata={"mark": s.mark}, sort_by="created_at", sort_order="asc", limit=5, select=["cron_id", "schedule"])
    client.crons.count(metadata={"mark": s.mark}, thread_id=thread)
    client.crons.delete(made["cron_id"])
