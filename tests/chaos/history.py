"""What the clients of a chaos run sent and saw, and what the database says afterwards: all that the checker judges by."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["ledger", "quiz", "breakpoints", "interview"]

ACTIVE = ("pending", "running")
ENDED = ("success", "error", "timeout", "interrupted")


@dataclass
class Sent:
    """A request that creates a run. `status` None: no answer came, the run may exist or not."""

    tag: str
    steps: int
    thread_id: str | None
    kind: Kind = "ledger"
    strategy: str = "enqueue"
    delayed: bool = False
    temporary: bool = False
    cancels_when_left: bool = False
    status: int | None = None
    run_id: str | None = None
    output: Any = None
    """The whole answer of wait or join, if it came."""

    @property
    def acknowledged(self) -> bool:
        return self.run_id is not None

    @property
    def possible(self) -> bool:
        """The server has taken it, or may have."""
        return self.status is None or self.status < 400 or self.status >= 500

    @property
    def block(self) -> list[str]:
        """What the run appends to the entries of its thread."""
        return block(self.tag, self.steps)


@dataclass
class Cancel:
    """A cancel of one run. `status_after` is what the run's status was when the answer had come."""

    run_id: str
    action: str
    waits: bool = False
    status: int | None = None
    status_after: str | None = None


@dataclass
class Reading:
    """What one reader saw of a run's events, over all its connections."""

    run_id: str
    tag: str
    events: list[tuple[int, str, Any]] = field(default_factory=list)
    """Number, name and data."""
    complete: bool = False
    """The server ended the stream."""
    connections: int = 0
    began: float = field(default_factory=time.time)
    ended: float = 0.0
    """When the stream was read to its end."""


@dataclass
class ThreadReading:
    """What one reader saw of a thread's events, over all its connections, by their ids."""

    thread_id: str
    ids: list[int] = field(default_factory=list)
    connections: int = 0


@dataclass
class Cron:
    """A cron that runs `ledger`, and what its client knows of it. Times are seconds since 1970."""

    tag: str
    steps: int
    strategy: str = "enqueue"
    thread_id: str | None = None
    """None: each run has a thread of its own, which goes with it if `deletes`."""
    deletes: bool = False
    cron_id: str | None = None
    """None: no answer came, it may exist or not."""
    quiet: list[tuple[float, float]] = field(default_factory=list)
    """From when a pause was acknowledged until an end of it was asked for."""
    gone: float | None = None
    """When its deletion, or that of its thread, was acknowledged."""


@dataclass
class Item:
    """An item of the store that one client has to itself. Values are numbers that grow; None is no item."""

    namespace: list[str]
    key: str
    value: int | None = None
    """What the last acknowledged put or delete left."""
    unsure: list[int | None] = field(default_factory=list)
    """What else it may be: the answer to a put or a delete was lost, and nothing was asked of the item after that."""
    read: list[tuple[int | None, int | None]] = field(default_factory=list)
    """What it was when it was read between two such requests, and what the answer was."""

    @property
    def place(self) -> str:
        return ".".join([*self.namespace, self.key])


@dataclass
class ThreadEvent:
    """An event of the thread-centric protocol, as a reader saw it. Times are seconds since 1970."""

    seq: int
    event_id: str
    method: str
    about: str = ""
    """The word of a root `lifecycle`, the entry of a `custom`, the interrupt of an `input.requested`."""
    at: float = 0.0
    """When it happened, as it says itself."""
    seen: float = 0.0
    """When the reader got it."""

    @property
    def run_id(self) -> str:
        return self.event_id.split(":")[1]


@dataclass
class ProtocolReading:
    """What one reader of a thread saw, over all its connections, from the thread's first event on."""

    thread_id: str
    events: list[ThreadEvent] = field(default_factory=list)
    connections: int = 0


@dataclass
class History:
    sent: list[Sent] = field(default_factory=list)
    cancels: list[Cancel] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    thread_readings: list[ThreadReading] = field(default_factory=list)
    conversations: dict[str, tuple[Kind, str, int]] = field(default_factory=dict)
    """Threads that one client has to itself: what it does there, the tag of its entries and the number of steps."""
    abandoned: set[str] = field(default_factory=set)
    """Conversations whose first answer was lost: nobody went on with them."""
    responses: dict[str, int] = field(default_factory=dict)
    """Of each conversation of the protocol, how many commands were acknowledged that start a run."""
    crons: list[Cron] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    protocol_readings: list[ProtocolReading] = field(default_factory=list)
    deleted: set[str] = field(default_factory=set)
    """Threads of which somebody asked that they be deleted."""
    database_deaths: list[float] = field(default_factory=list)
    """When Postgres was killed, or taken away, in seconds since 1970."""
    failures: list[str] = field(default_factory=list)
    """Answers that no trouble excuses, such as a 500."""


@dataclass
class RunRow:
    run_id: str
    thread_id: str
    seq: int
    status: str
    attempt: int
    tag: str
    """Empty for a run without an input."""
    steps: int
    delayed: bool = False
    temporary: bool = False
    refused: bool = False
    """It ended in error because what it answered did not wait any more."""


@dataclass
class ThreadRow:
    thread_id: str
    status: str
    active_runs: int
    temporary: bool
    shown: list[str]
    """The entries that the thread's row shows."""
    entries: list[str]
    """The entries of its newest checkpoint."""


@dataclass
class CheckpointRow:
    checkpoint_id: str
    parent_id: str | None
    run_id: str


@dataclass
class Tick:
    """A tick of a cron that was taken: `fired` and the times of the schedule in seconds since 1970."""

    cron_id: str
    tick: float
    next_tick: float | None
    fired: float
    transaction: int


@dataclass
class CronRun:
    """A run that a cron made, also of a thread that is gone."""

    run_id: str
    cron_id: str
    transaction: int
    deleted_as: str | None = None
    """The status that it had when it was deleted."""


@dataclass
class Facts:
    """What the database says at the end."""

    runs: list[RunRow] = field(default_factory=list)
    threads: list[ThreadRow] = field(default_factory=list)
    checkpoints: dict[str, list[CheckpointRow]] = field(default_factory=dict)
    """Of each thread, in the order of their ids; the main namespace only."""
    events: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    """Number and name of each stored event of a run, in the order in which readers of its thread see them."""
    thread_events: dict[str, list[int]] = field(default_factory=dict)
    """The ids of the stored events of a thread."""
    orphans: list[str] = field(default_factory=list)
    """Threads that do not exist, of which checkpoints, blobs or writes do."""
    ticks: list[Tick] = field(default_factory=list)
    cron_runs: list[CronRun] = field(default_factory=list)
    crons: list[str] = field(default_factory=list)
    """The ids of those that there are."""
    items: dict[str, int] = field(default_factory=dict)
    """The values of those that there are, by their places."""
    replays: dict[str, list[ThreadEvent]] = field(default_factory=dict)
    """Of each thread of the protocol, what a client is shown that comes when all is over."""


def block(tag: str, steps: int) -> list[str]:
    return [f"{tag}:in", *(f"{tag}:{number}" for number in range(1, steps + 1))]


def quiz_block(tag: str, steps: int) -> list[str]:
    return [f"{tag}:in", *(f"{tag}:{number}={number}" for number in range(1, steps + 1))]
