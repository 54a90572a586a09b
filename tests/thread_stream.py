"""A plain client of the thread-centric protocol: one open event stream, and what came on it so far."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import httpx

from tests.watching import eventually

CHANNELS = ["values", "updates", "messages", "tools", "custom", "lifecycle", "input", "tasks", "checkpoints"]

Event = dict[str, Any]


class ThreadStream:
    """Use as a context manager; events are read in the background."""

    def __init__(self, url: str, thread_id: str, channels: list[str] | None = None, **wanted: Any) -> None:
        self.events: list[Event] = []
        self.comments = 0
        self._url = f"{url}/threads/{thread_id}/stream/events"
        self._body = {"channels": channels or CHANNELS, **wanted}
        self._opened = threading.Event()
        self._response: httpx.Response | None = None
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> ThreadStream:
        self._thread.start()
        assert self._opened.wait(30), "the stream did not open"
        return self

    def __exit__(self, *exception: object) -> None:
        if self._response is not None:
            self._response.close()
        self._thread.join(10)

    def _read(self) -> None:
        try:
            with httpx.stream("POST", self._url, json=self._body, timeout=60) as response:
                self._response = response
                response.raise_for_status()
                self._opened.set()
                for line in response.iter_lines():
                    if line.startswith("data: "):
                        self.events.append(json.loads(line.removeprefix("data: ")))
                    elif line.startswith(":"):
                        self.comments += 1
        except (httpx.HTTPError, httpx.StreamError, RuntimeError, OSError):
            pass  # the reader has left, or the server was killed

    def of(self, *methods: str) -> list[Event]:
        return [event for event in list(self.events) if event["method"] in methods]

    def data(self, method: str) -> list[Any]:
        return [event["params"]["data"] for event in self.of(method)]

    def ends(self) -> list[str]:
        """How the runs of the thread ended, so far."""
        roots = [event["params"] for event in self.of("lifecycle") if not event["params"]["namespace"]]
        return [params["data"]["event"] for params in roots if params["data"]["event"] != "running"]

    def wait(self, condition: Callable[[ThreadStream], Any], seconds: float = 45) -> Any:
        return eventually(lambda: condition(self), seconds, pause=0.01)

    def wait_for_end(self, number: int = 1) -> list[Event]:
        """The events up to the end of the run of that number, or more."""
        self.wait(lambda stream: len(stream.ends()) >= number)
        return list(self.events)


def command(http: httpx.Client, thread_id: str, method: str, **params: Any) -> dict[str, Any]:
    """The reply to a command."""
    reply = http.post(f"/threads/{thread_id}/commands", json={"id": 7, "method": method, "params": params})
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    assert answer["id"] == 7
    return answer


def result(http: httpx.Client, thread_id: str, method: str, **params: Any) -> dict[str, Any]:
    """What a command gives that must succeed."""
    answer = command(http, thread_id, method, **params)
    assert answer["type"] == "success", answer
    given: dict[str, Any] = answer["result"]
    return given


def refusal(http: httpx.Client, thread_id: str, method: str, **params: Any) -> str:
    """The code of the error that a command is answered with."""
    answer = command(http, thread_id, method, **params)
    assert answer["type"] == "error", answer
    return str(answer["error"])
