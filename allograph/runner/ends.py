"""The end of a run, as the log keeps it and as those who waited for it are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from allograph.encoding import RawJson, dumps, loads
from allograph.runner.events import Ended
from allograph.store.database import Row


def end_event(ended: Ended, thread_status: str, asked: Sequence[Mapping[str, Any]]) -> bytes:
    """What is written down behind the last event of a run: its end, how the thread rests, and what waits for an answer there."""
    output = RawJson(ended.output)
    return dumps({"status": ended.status, "output": output, "thread_status": thread_status, "interrupts": asked})


def told_end(data: bytes) -> Ended:
    """What `end_event` wrote down."""
    end = loads(data)
    return Ended(end["status"], dumps(end["output"]))


def output_of(row: Row) -> bytes:
    """What join answers for a run that ended before: the thread's state now, or the error."""
    if row["status"] in ("error", "timeout"):
        return b'{"__error__":%b}' % (row["error"].body if row["error"] else b"null")
    values = row["values"].parsed() if row["values"] else {}
    if isinstance(values, dict) and (asked := asked_in(row)):
        values["__interrupt__"] = asked
    return dumps(values)


def asked_in(row: Row) -> list[dict[str, Any]]:
    """The interrupts that wait in a thread which rests because of them."""
    if row["resting_status"] != "interrupted":
        return []
    return [one for of_task in row["interrupts"].parsed().values() for one in of_task]
