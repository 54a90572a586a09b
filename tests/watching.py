"""Waiting for what a server does, and reading what it streams."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx

PATIENCE = 60.0


def eventually(condition: Callable[[], Any], seconds: float = PATIENCE, pause: float = 0.05) -> Any:
    """What `condition` answers as soon as it is true. Fails with its last answer when that takes too long."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s; the last answer was {answer!r}"
        time.sleep(pause)
    return answer


def run_status(http: httpx.Client, thread_id: str, run_id: str) -> str:
    return str(http.get(f"/threads/{thread_id}/runs/{run_id}").raise_for_status().json()["status"])


def ended(http: httpx.Client, thread_id: str, run_id: str, seconds: float = PATIENCE) -> str:
    """The status in which a run ended. A database that is away for a moment is waited for."""

    def status() -> str | None:
        answer = http.get(f"/threads/{thread_id}/runs/{run_id}")
        if answer.status_code == 503:
            return None
        shown = str(answer.raise_for_status().json()["status"])
        return None if shown in ("pending", "running") else shown

    return str(eventually(status, seconds))


def new_thread(http: httpx.Client) -> str:
    return str(http.post("/threads", json={}).raise_for_status().json()["thread_id"])


def new_run(http: httpx.Client, thread_id: str, assistant_id: str, input: Any, **fields: Any) -> str:
    body = {"assistant_id": assistant_id, "input": input, **fields}
    return str(http.post(f"/threads/{thread_id}/runs", json=body).raise_for_status().json()["run_id"])


def _parsed(lines: list[str]) -> tuple[str, Any] | None:
    fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
    return (fields["event"], json.loads(fields["data"])) if "data" in fields else None


def events(response: httpx.Response) -> Iterator[tuple[str, Any]]:
    """Name and data of each event of a stream."""
    lines: list[str] = []
    for line in response.iter_lines():
        if line:
            lines.append(line)
        elif event := _parsed(lines):
            yield event
            lines = []
        else:
            lines = []


async def aevents(response: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    lines: list[str] = []
    async for line in response.aiter_lines():
        if line:
            lines.append(line)
        elif event := _parsed(lines):
            yield event
            lines = []
        else:
            lines = []


async def aeventually(condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """`eventually`, for a condition that answers a coroutine."""
    deadline = time.monotonic() + seconds
    while not (answer := await condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s; the last answer was {answer!r}"
        await asyncio.sleep(0.05)
    return answer
