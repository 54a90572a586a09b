"""The events of the protocol, as they follow from what a run logged.

A logged event becomes none, one or several events of the protocol. `count` says how many without making them, so that the process
that logs numbers the thread's events, and every reader, whenever and wherever, finds the same numbers.

| logged | event |
|---|---|
| `metadata` | `lifecycle` running |
| `values`, `updates`, `tasks`, `custom`, `checkpoints` | the same; only the address of a checkpoint |
| `messages`, `tools`, `lifecycle`, `input.answered`, `custom:<name>` of a run that was started through the protocol | the same |
| the end | `input.requested` for each waiting interrupt, then `lifecycle` completed, failed or interrupted |
| everything else of a classic run (`messages`, `events`, `debug`, `error`) | none |
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from allograph.encoding import dumps, loads
from allograph.runner.protocol.filters import Filter, Namespace
from allograph.store.database import Row
from allograph.store.run_events import END

Status = Literal["running", "completed", "failed", "interrupted"]

ALIKE = frozenset({"values", "updates", "tasks", "tools", "lifecycle", "checkpoints", "custom", "input.answered"})

_ONLY_INTERRUPTS = b'{"__interrupt__":'
_OF_A_MESSAGE = b'{"event":'
_EVENT_ID = re.compile(r"synth:([0-9a-f-]{36}):(\d{1,18})\.(\d{1,9})")
_OPENING = b'{"type":"event","event_id":"%b","seq":%d,"method":"%b","params":{"namespace":%b,"timestamp":%d,%b"data":%b}}'


@dataclass(frozen=True, slots=True)
class ThreadEvent:
    """One event of the protocol."""

    seq: int
    """Its number among all events of the thread."""
    method: str
    body: bytes
    """The event as JSON, as it goes out in a WebSocket message or in the data of a server-sent event."""


def count(name: str, data: bytes) -> int:
    """How many events of the protocol a logged event is."""
    kind = name.partition("|")[0]
    if kind == END:
        return 1 + len(loads(data).get("interrupts", ()))
    if kind == "messages":
        return int(data.startswith(_OF_A_MESSAGE))
    if kind == "updates":
        return int(not data.startswith(_ONLY_INTERRUPTS))
    return int(kind == "metadata" or kind in ALIKE or kind.startswith("custom:"))


def thread_events(row: Row, wanted: Filter, graph_id: str | None) -> Iterator[ThreadEvent]:
    """The events of the protocol that a stored event is, if they are wanted."""
    kind, *steps = row["name"].split("|")
    namespace: Namespace = tuple(steps)
    if kind == END:
        yield from _end(row, wanted, graph_id)
    elif row["thread_seq"] <= wanted.since or not count(row["name"], row["data"]):
        return
    elif kind == "metadata":
        if wanted.wants("lifecycle", namespace):
            yield _event(row, row["thread_seq"], "lifecycle", namespace, dumps(_lifecycle("running", graph_id)))
    elif kind.startswith("custom:"):
        if wanted.wants(kind, namespace):
            data = b'{"name":%b,"payload":%b}' % (dumps(kind.removeprefix("custom:")), row["data"])
            yield _event(row, row["thread_seq"], "custom", namespace, data)
    elif wanted.wants("input" if kind == "input.answered" else kind, namespace):
        data, more = _shown(kind, row["data"])
        yield _event(row, row["thread_seq"], kind, namespace, data, more)


def _shown(kind: str, data: bytes) -> tuple[bytes, bytes]:
    """The payload of an event, and what its `params` say besides."""
    if kind == "custom":
        return b'{"payload":%b}' % data, b""
    if kind == "updates":
        nodes = {node: update for node, update in loads(data).items() if not node.startswith("__")}
        if len(nodes) == 1:
            [(node, update)] = nodes.items()
            return dumps(update), b'"node":%b,' % dumps(node)
    if kind == "checkpoints" and not data.startswith(b'{"id":'):
        return dumps(checkpoint_envelope(loads(data))), b""
    return data, b""


def checkpoint_envelope(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """What identifies a checkpoint: clients fork from `parent_id` to edit what came in with this one."""
    parent = (checkpoint.get("parent_config") or {}).get("configurable", {}).get("checkpoint_id")
    return {
        "id": checkpoint["config"]["configurable"]["checkpoint_id"],
        **({"parent_id": parent} if parent else {}),
        "step": checkpoint["metadata"]["step"],
        "source": checkpoint["metadata"]["source"],
    }


def _end(row: Row, wanted: Filter, graph_id: str | None) -> Iterator[ThreadEvent]:
    end = loads(row["data"])
    interrupts = end.get("interrupts", ())
    seq = row["thread_seq"] - len(interrupts)
    for interrupt in interrupts:
        namespace = tuple(interrupt["namespace"])
        if seq > wanted.since and wanted.wants("input", namespace):
            # The types say `payload`; the Python client reads `value`.
            asked = {"interrupt_id": interrupt["id"], "payload": interrupt["value"], "value": interrupt["value"]}
            yield _event(row, seq, "input.requested", namespace, dumps(asked))
        seq += 1
    if seq > wanted.since and wanted.wants("lifecycle", ()):
        yield _event(row, seq, "lifecycle", (), dumps(_ended(end, graph_id)))


def _ended(end: dict[str, Any], graph_id: str | None) -> dict[str, Any]:
    if status_of_end(end) == "failed":
        error = (end["output"] or {}).get("__error__") or {}
        # A strict resume that was refused says why, and what waits.
        return _lifecycle("failed", graph_id) | {"error": error.get("message", ""), **error.get("refusal", {})}
    return _lifecycle(status_of_end(end), graph_id)


def status_of_end(end: dict[str, Any]) -> Status:
    """How the root graph stands at the end of a run."""
    if end["status"] in ("error", "timeout"):
        return "failed"
    interrupted = end["status"] == "interrupted" or end.get("thread_status") == "interrupted"
    return "interrupted" if interrupted else "completed"


def _lifecycle(status: Status, graph_id: str | None) -> dict[str, Any]:
    return {"event": status, "graph_name": graph_id} if graph_id else {"event": status}


def _event(row: Row, seq: int, method: str, namespace: Namespace, data: bytes, more: bytes = b"") -> ThreadEvent:
    # Clients read the run of an event out of an id of this form; what comes behind only has to be the same at each replay.
    event_id = f"synth:{row['run_id']}:{row['seq']}.{row['thread_seq'] - seq}".encode()
    body = _OPENING % (event_id, seq, method.encode(), dumps(namespace), row["at"], more, data)
    return ThreadEvent(seq, method, body)


def event_position(event_id: str) -> tuple[UUID, int, int] | None:
    """What an event's id says: its run, its place in the run's log, and how many events of that place come behind it."""
    if not (match := _EVENT_ID.fullmatch(event_id)):
        return None
    return UUID(match[1]), int(match[2]), int(match[3])
